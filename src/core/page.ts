/** A page of the admin listener, ready to be written. Plain fields, which a thread can send. */

export interface Page {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Beside those that every page has. */
  readonly headers?: Readonly<Record<string, string>>;
}
