/** A finished page of the admin listener. Plain fields only, which a thread can send. */

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** In addition to the headers of every page. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** A page of one line. */
export function textPage(status: number, line: string): Page {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${line}\n` };
}

export const PAGE_FAILED = textPage(500, 'This page failed; see the log for the reason.');
