/**
 * Members in the order of their coming, each of which leaves in constant time. Not a Set: every table that a Set has
 * outgrown refers to the next one, and one that has grown old keeps all that come after it, with their members, from
 * being collected while they are young.
 */

interface Place<T> {
  readonly member: T;
  before: Place<T> | undefined;
  after: Place<T> | undefined;
}

export class InOrder<T> {
  #first: Place<T> | undefined;
  #last: Place<T> | undefined;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The member that came before all others. */
  get first(): T | undefined {
    return this.#first?.member;
  }

  /** @returns takes the member out again; a second call has no effect */
  add(member: T): () => void {
    const place: Place<T> = { member, before: this.#last, after: undefined };
    if (this.#last === undefined) this.#first = place;
    else this.#last.after = place;
    this.#last = place;
    this.#size += 1;
    let isIn = true;
    return () => {
      if (isIn) this.#remove(place);
      isIn = false;
    };
  }

  /** Those that are in at the time of the call. */
  *[Symbol.iterator](): Generator<T> {
    const members: T[] = [];
    for (let place = this.#first; place !== undefined; place = place.after) members.push(place.member);
    yield* members;
  }

  #remove(place: Place<T>): void {
    if (place.before === undefined) this.#first = place.after;
    else place.before.after = place.after;
    if (place.after === undefined) this.#last = place.before;
    else place.after.before = place.before;
    place.before = undefined;
    place.after = undefined;
    this.#size -= 1;
  }
}
