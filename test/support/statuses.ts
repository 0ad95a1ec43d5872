/** Counts answers by status in what a connection receives, without taking each answer apart. */

const LINE = 'HTTP/1.1 ';
const STATUS_CHARS = 3;

export class Statuses {
  readonly counts: Record<string, number> = {};
  total = 0;

  /** @returns a function for one connection, that takes its bytes as they come and tells how many answers they had */
  reader(): (chunk: Buffer) => number {
    let rest = '';
    return (chunk) => {
      const text = rest + chunk.toString('latin1');
      let found = 0;
      let from = 0;
      rest = '';
      for (;;) {
        const at = text.indexOf(LINE, from);
        if (at === -1) break;
        from = at + LINE.length + STATUS_CHARS;
        if (from > text.length) {
          rest = text.slice(at);
          return found;
        }
        const status = text.slice(from - STATUS_CHARS, from);
        this.counts[status] = (this.counts[status] ?? 0) + 1;
        this.total += 1;
        found += 1;
      }
      rest = text.slice(Math.max(from, text.length - LINE.length + 1));
      return found;
    };
  }
}
