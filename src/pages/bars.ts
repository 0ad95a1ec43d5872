/** A stacked bar chart of events over time, with a legend that lists the counts. */

import { time, whole } from './format.ts';
import { type Html, html } from './html.ts';
import { type Bar, FAMILIES } from './tally.ts';

const WIDTH = 960;
const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 8;
const GRID_LINES = 4;
const LABELS_MAX = 8;
const UNCOUNTED = 'uncounted';

/** @param stepName the time span of one bar: `minute`, `hour` */
export function barChart(bars: readonly Bar[], stepName: string): Html {
  const totals = bars.map(({ counts, uncounted }) => sum(counts) + uncounted);
  const top = niceAbove(Math.max(GRID_LINES, ...totals));
  const scale = (HEIGHT - TOP - BOTTOM) / top;
  const step = (WIDTH - LEFT) / Math.max(1, bars.length);
  const y = (value: number) => HEIGHT - BOTTOM - value * scale;
  const grid = Array.from({ length: GRID_LINES + 1 }, (_, index) => (top / GRID_LINES) * index);
  const left = sum(bars.map(({ uncounted }) => uncounted));
  const labelEvery = Math.max(1, Math.ceil(bars.length / LABELS_MAX));
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${`Events by ${stepName}: ${whole(sum(totals))} in total, at most ${whole(Math.max(0, ...totals))} per bar`}">
${grid.map((value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`)}
${bars.map((bar, index) => stack(bar, LEFT + index * step, step, y, totals[index] ?? 0, stepName))}
${bars.map((bar, index) => index % labelEvery === 0 && html`<text x="${round(LEFT + index * step)}" y="${HEIGHT - 6}">${labelOf(bar.startMs, bars)}</text>`)}
</svg>
<ul class="legend">${FAMILIES.map((family, index) => legend(family, family, sum(bars.map(({ counts }) => counts[index] ?? 0))))}${left > 0 && legend(UNCOUNTED, 'still being counted', left)}</ul>`;
}

function legend(fill: string, text: string, count: number): Html {
  return html`<li><svg viewBox="0 0 8 8" aria-hidden="true"><rect class="fill-${fill}" width="8" height="8"/></svg>${text} ${whole(count)}</li>`;
}

function stack(
  { startMs, counts, uncounted }: Bar,
  x: number,
  step: number,
  y: (value: number) => number,
  total: number,
  stepName: string,
): Html | false {
  if (total === 0) return false;
  let below = 0;
  const parts = [...FAMILIES, UNCOUNTED].map((family, index) => {
    const count = counts[index] ?? uncounted;
    const from = below;
    below += count;
    if (count === 0) return false;
    const top = y(below);
    return html`<rect class="fill-${family}" x="${round(x)}" width="${round(Math.max(0.5, step * 0.86))}" y="${round(top)}" height="${round(y(from) - top)}"/>`;
  });
  return html`<g><title>${`${time(startMs)}, one ${stepName}: ${whole(total)} events`}</title>${parts}</g>`;
}

function labelOf(startMs: number, bars: readonly Bar[]): string {
  const spanMs = (bars.at(-1)?.startMs ?? 0) - (bars[0]?.startMs ?? 0);
  const text = time(startMs);
  return spanMs > 3 * 86_400_000 ? text.slice(5, 10) : text.slice(11, 16);
}

function short(value: number): string {
  return value >= 10_000 ? `${round(value / 1000)}k` : String(round(value));
}

/** The next of 1, 2, 4, 8 and 10 times a power of ten. */
function niceAbove(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 8, 10].find((factor) => factor * power >= value) ?? 10) * power;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
