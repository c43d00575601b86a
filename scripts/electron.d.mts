export function electronCommand(): Promise<{ executable: string; parameters: string[]; environment: Record<string, string> }>;
