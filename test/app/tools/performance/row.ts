/** A measured number, with what it is; `limit` is what it should be. */
export interface Row {
  what: string;
  value: string;
  limit?: string;
}

export interface Part {
  name: string;
  measure(): Promise<Row[]>;
}

export const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)]!;
