/** Numbers and times formatted for people. */

/** Made when it is first used, because that takes 10 ms, which the start of the server must not wait for. */
let format: Intl.NumberFormat | undefined;

/** 1234567 → `1,234,567` */
export function grouped(value: number): string {
  format ??= new Intl.NumberFormat('en-US', { maximumFractionDigits: 0 });
  return format.format(value);
}

/** `1 row`, `1,234 rows` */
export function counted(value: number, noun: string): string {
  return `${grouped(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/** `0.4 ms`, `12 ms`, `3.4 s`, `5 min 20 s` */
export function duration(ms: number): string {
  if (ms < 9.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${ms.toFixed(0)} ms`;
  if (ms < 99_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  return `${grouped(Math.floor(seconds / 60))} min ${seconds % 60} s`;
}

/** Events, deliveries or the like per second: `47,000/s`. */
export function perSecond(count: number, ms: number): string {
  return `${grouped((count * 1000) / Math.max(1, ms))}/s`;
}

/** In UTC: `2026-01-05 09:00:00.000` @param ms since 1970 */
export function shownTime(ms: number): string {
  return new Date(ms).toISOString().slice(0, -1).replace('T', ' ');
}
