/** Figures and lists in words. Pure. */

export const rowsText = (rows: number): string => rows.toLocaleString('en-US');

/** `1 file`, `2 files`. */
export const countText = (count: number, one: string, many = `${one}s`): string =>
  `${rowsText(count)} ${count === 1 ? one : many}`;

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** A duration; beyond a hundred days its digits say nothing. */
export function secondsText(seconds: number): string {
  if (!(seconds < 100 * 86_400)) return 'more than 100 days';
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${whole % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Rows per second, in a unit in which they are not 0.00. */
export function rateText(rowsPerSecond: number): string {
  if (rowsPerSecond >= 1e5) return `${(rowsPerSecond / 1e6).toFixed(2)} M rows/s`;
  return `${rowsText(rowsPerSecond >= 10 ? Math.round(rowsPerSecond) : Number(rowsPerSecond.toFixed(1)))} rows/s`;
}

/** Six significant figures, without an exponent where none is needed; a report spells infinities out. */
export function numberText(value: number | string | null, digits = 6): string {
  if (value === null) return 'missing';
  return String(Number(Number(value).toPrecision(digits)));
}

/** The first names of a list, and how many more there are. */
export function shortList(names: readonly string[], max = 6): string {
  const shown = names.slice(0, max).join(', ');
  return names.length > max ? `${shown} and ${names.length - max} more` : shown;
}
