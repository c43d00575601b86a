export function needVirtualDisplay(): Promise<void>;
