/** A finished page of the admin listener. Plain fields only, which a thread can send. */

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** In addition to the headers of every page. */
  readonly headers?: Readonly<Record<string, string>>;
}
