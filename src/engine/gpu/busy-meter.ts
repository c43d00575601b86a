/** How long a device had work of ours to do: from a submission until it is known to be done, overlaps counted once. */
export class BusyMeter {
  private open = 0;
  private since = 0;
  private sum = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Work was submitted. @returns to be called when it is done; once counts */
  begin(): () => void {
    if (this.open++ === 0) this.since = this.now();
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      if (--this.open === 0) this.sum += this.now() - this.since;
    };
  }

  /** Milliseconds so far, what is going on included. */
  get milliseconds(): number {
    return this.sum + (this.open > 0 ? this.now() - this.since : 0);
  }
}

/** The share of the time between two looks in which a device was busy. */
export class BusyShare {
  private last: { meter: BusyMeter; at: number; milliseconds: number } | undefined;
  /** Null before there were two looks at the same device. */
  value: number | null = null;

  constructor(private readonly now: () => number = () => performance.now()) {}

  look(meter: BusyMeter | undefined): void {
    const { last } = this;
    const at = this.now();
    this.last = meter && { meter, at, milliseconds: meter.milliseconds };
    if (!meter || last?.meter !== meter || at <= last.at) this.value = null;
    else this.value = Math.min(1, Math.max(0, (meter.milliseconds - last.milliseconds) / (at - last.at)));
  }
}
