import { ChartGroup, type XUnit } from '../charts';
import { layout } from '../state';

/** Axes that the charts of a view share, as somebody last had them there. */
export class Axes {
  readonly group = new ChartGroup();

  /** @param view under whose name they are remembered */
  constructor(private readonly view: string) {
    const { group } = this;
    const unit = layout.text(`${view}.unit`, 'epoch');
    group.unit = unit === 'step' || unit === 'second' ? unit : 'epoch';
    group.smoothing = layout.number(`${view}.smoothing`, 0.6);
    group.log = layout.flag(`${view}.log`, false);
  }

  setUnit(unit: XUnit): void {
    this.group.point(null, null);
    this.group.zoom(null);
    this.group.unit = unit;
    layout.set(`${this.view}.unit`, unit);
  }

  setSmoothing(weight: number): void {
    this.group.smoothing = weight;
    layout.set(`${this.view}.smoothing`, weight);
  }

  setLog(log: boolean): void {
    this.group.log = log;
    layout.set(`${this.view}.log`, log);
  }
}
