/**
 * Members in order of insertion, each removable in constant time. Not a Set: when a Set outgrows its hash table, V8
 * links the old table to the new one. An old table in the old generation then keeps all later tables and their members
 * from being collected while they are young.
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

  /** The oldest member. */
  get first(): T | undefined {
    return this.#first?.member;
  }

  /** @returns a function that removes the member; a second call has no effect */
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

  /** Iterates over the members at the time of the call. */
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
