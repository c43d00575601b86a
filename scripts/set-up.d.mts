export const root: string;
export function setUp(wanted?: readonly ('driver' | 'engine' | 'desktop')[]): Promise<Record<string, string>>;
export function windowVariables(): Promise<Record<string, string>>;
