/** Figures as people read them. */

/** 1536 → '1.5 KiB'. */
export function bytes(count: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let value = count;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Number(value.toFixed(1))} ${units[unit]}`;
}

/** Seconds as '0.4 s', '42 s', '3 min 20 s', '1 h 05 min', '2 d 4 h'. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (seconds >= 0.05 && seconds < 9.95) return `${seconds.toFixed(1)} s`;
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return minutes < 10 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Three digits that matter, without exponents for everyday sizes. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 0.01 || size === 0) return value.toFixed(size >= 1 ? 2 : 3);
  return value.toExponential(1);
}

export const percent = (value: number): string => `${value.toFixed(1)} %`;

/** '1 picture', '12 pictures'. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count.toLocaleString('en-GB')} ${count === 1 ? one : many}`;

/** '21.7 million', or the number itself where it is small. */
export const millions = (count: number): string =>
  count >= 1e5 ? `${(count / 1e6).toFixed(1)} million` : count.toLocaleString('en-GB');
