import { Menu, nativeImage, Tray } from 'electron';
import { paths } from './paths';

/** The icon that is there while the window is not: made when first wanted, gone with the program. */
export class TrayIcon {
  #tray: Tray | undefined;

  constructor(
    readonly show: () => void,
    readonly quit: () => void,
  ) {}

  appear(): void {
    if (this.#tray) return;
    const icon = nativeImage.createFromPath(paths.icon).resize({ width: 22, height: 22 });
    this.#tray = new Tray(icon);
    this.#tray.setToolTip('iBOT Workbench: a run is going');
    this.#tray.setContextMenu(
      Menu.buildFromTemplate([
        { label: 'Open iBOT Workbench', click: this.show },
        { type: 'separator' },
        { label: 'Quit …', click: this.quit },
      ]),
    );
    this.#tray.on('click', this.show);
  }

  vanish(): void {
    this.#tray?.destroy();
    this.#tray = undefined;
  }
}
