/** Numbers as people read them, with units. */
const formats: Intl.NumberFormat[] = [];
/** Made once for each number of digits: making one takes as long as formatting hundreds. */
const formatOf = (digits: number): Intl.NumberFormat =>
  (formats[digits] ??= new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }));

export const number = (value: number, digits = 0): string => formatOf(digits).format(digits === 0 ? Math.round(value) : value);

/** "1 picture", "18,204 pictures". */
export const plural = (count: number, one: string, many = `${one}s`): string => `${number(count)} ${count === 1 ? one : many}`;

/** Decimal units, as disks and cards are sold: "31.6 GB". */
export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let unit = 0;
  let amount = value;
  while (amount >= 999.5 && unit < units.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 || amount >= 100 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/** "6.1 of 24.0 GB", "64 MB of 24.0 GB": one unit where both have it. */
export function bytesOf(part: number, whole: number): string {
  const [amount, unit] = bytes(part).split(' ');
  return `${bytes(whole).endsWith(` ${unit}`) ? amount : `${amount} ${unit}`} of ${bytes(whole)}`;
}

/** "4 s", "26 min", "3 h 27 min", "2 d 4 h". */
export function duration(seconds: number): string {
  if (seconds < 1) return 'under 1 s';
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours} h` : `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** "8.6 TFLOP/s". */
export function flops(perSecond: number): string {
  if (perSecond >= 1e12) return `${(perSecond / 1e12).toFixed(1)} TFLOP/s`;
  return perSecond >= 1e9 ? `${(perSecond / 1e9).toFixed(perSecond >= 1e11 ? 0 : 1)} GFLOP/s` : `${(perSecond / 1e6).toFixed(0)} MFLOP/s`;
}

/** "18:02". */
export const clock = (time: number): string => new Date(time).toLocaleTimeString('en-GB', { hour: '2-digit', minute: '2-digit' });

/** "18:02", on another day "19 Nov, 18:02". */
export function moment(time: number, now = Date.now()): string {
  const date = new Date(time);
  if (date.toDateString() === new Date(now).toDateString()) return clock(time);
  return `${date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short' })}, ${clock(time)}`;
}

/** "today, 18:02", "19 Nov", "2 Nov 2024". */
export function day(time: number, now = Date.now()): string {
  const date = new Date(time);
  const today = new Date(now);
  if (date.toDateString() === today.toDateString()) return `today, ${clock(time)}`;
  const sameYear = date.getFullYear() === today.getFullYear();
  return date.toLocaleDateString('en-GB', { day: 'numeric', month: 'short', ...(sameYear ? {} : { year: 'numeric' }) });
}

/** Home as ~, for display alone. */
export const shortPath = (path: string): string => path.replace(/^(\/home\/[^/]+|\/root|\/Users\/[^/]+)(?=\/|$)/, '~');
