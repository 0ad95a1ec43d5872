/** A stacked bar chart of events over time, with a legend that lists the counts. */

import { type Bar, FAMILIES, type FamilyCounts } from './event-counts.ts';
import { time, whole } from './format.ts';
import { type Html, html } from './html.ts';

const WIDTH = 960;
const HEIGHT = 220;
const LEFT = 52;
const BOTTOM = 22;
const TOP = 8;
const GRID_LINES = 4;
const LABELS_MAX = 8;
/** From the bottom of a bar to its top. */
const LAYERS = [...FAMILIES, 'uncounted'] as const;

/** @param stepName the time span of one bar: `minute`, `hour` */
export function barChart(bars: readonly Bar[], stepName: string): Html {
  const totals = bars.map(totalOf);
  const top = niceAbove(Math.max(GRID_LINES, ...totals));
  const step = (WIDTH - LEFT) / Math.max(1, bars.length);
  const x = (index: number) => round(LEFT + index * step);
  const y = (value: number) => HEIGHT - BOTTOM - (value * (HEIGHT - TOP - BOTTOM)) / top;
  const grid = Array.from({ length: GRID_LINES + 1 }, (_, index) => (top / GRID_LINES) * index);
  const labelEvery = Math.max(1, Math.ceil(bars.length / LABELS_MAX));
  const spanMs = (bars.at(-1)?.startMs ?? 0) - (bars[0]?.startMs ?? 0);
  const label = ({ startMs }: Bar) =>
    spanMs > 3 * 86_400_000 ? time(startMs).slice(5, 10) : time(startMs).slice(11, 16);
  const stack = (bar: Bar, index: number) => {
    let count = 0;
    const rects = LAYERS.map((layer) => {
      const bottom = y(count);
      count += bar.counts[layer];
      return (
        bar.counts[layer] > 0 &&
        html`<rect class="fill-${layer}" x="${x(index)}" width="${round(Math.max(0.5, step * 0.86))}" y="${round(y(count))}" height="${round(bottom - y(count))}"/>`
      );
    });
    return (
      count > 0 &&
      html`<g><title>${`${time(bar.startMs)}, one ${stepName}: ${whole(count)} events`}</title>${rects}</g>`
    );
  };
  return html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${`Events by ${stepName}: ${whole(sum(totals))} in total, at most ${whole(Math.max(0, ...totals))} per bar`}">
${grid.map((value) => html`<line class="grid" x1="${LEFT}" x2="${WIDTH}" y1="${y(value)}" y2="${y(value)}"/><text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${short(value)}</text>`)}
${bars.map(stack)}
${bars.map((bar, index) => index % labelEvery === 0 && html`<text x="${x(index)}" y="${HEIGHT - 6}">${label(bar)}</text>`)}
</svg>
<ul class="legend">${LAYERS.map((layer) => legend(layer, sum(bars.map(({ counts }) => counts[layer]))))}</ul>`;
}

function legend(layer: keyof FamilyCounts, count: number): Html | false {
  if (layer === 'uncounted' && count === 0) return false;
  const text = layer === 'uncounted' ? 'still being counted' : layer;
  return html`<li><svg viewBox="0 0 8 8" aria-hidden="true"><rect class="fill-${layer}" width="8" height="8"/></svg>${text} ${whole(count)}</li>`;
}

/** The number of events in a bar. */
export function totalOf({ counts }: Bar): number {
  return sum(Object.values(counts));
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
