/** Formats numbers and times for people. */

export function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

/** @param share 0 to 1; null if the total is 0 */
export function percent(share: number | null): string {
  return share === null ? '–' : `${(share * 100).toFixed(1)} %`;
}

/** `2026-01-05 09:00:00`, UTC. */
export function time(ms: number): string {
  return new Date(ms).toISOString().slice(0, 19).replace('T', ' ');
}

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytes(size: number): string {
  const power = size < 1 ? 0 : Math.min(UNITS.length - 1, Math.floor(Math.log2(size) / 10));
  const value = size / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${UNITS[power]}`;
}

const SECONDS = { minute: 60, hour: 3600, day: 86_400 };

export function duration(seconds: number): string {
  if (seconds < SECONDS.minute) return `${Math.floor(seconds)} s`;
  if (seconds < SECONDS.hour) return `${Math.floor(seconds / SECONDS.minute)} min`;
  if (seconds < SECONDS.day)
    return `${Math.floor(seconds / SECONDS.hour)} h ${Math.floor((seconds % SECONDS.hour) / SECONDS.minute)} min`;
  return `${Math.floor(seconds / SECONDS.day)} d ${Math.floor((seconds % SECONDS.day) / SECONDS.hour)} h`;
}

/** @param micros millionths of a US dollar, which are exact; only the output is rounded */
export function money(micros: number): string {
  return (micros / 1_000_000).toLocaleString('en-US', {
    minimumFractionDigits: 2,
    maximumFractionDigits: 4,
  });
}
