/**
 * Invocations that hold a slot. A list in which each knows its place: a set makes a new table every few requests when
 * each adds to it and deletes from it.
 */
export class Running {
  #list = [];

  get size() {
    return this.#list.length;
  }

  has(invocation) {
    return this.#list.includes(invocation);
  }

  add(invocation) {
    invocation.place = this.#list.length;
    this.#list.push(invocation);
  }

  /** It must be there. The last takes its place. */
  delete(invocation) {
    const last = this.#list.pop();
    if (last === invocation) return;
    this.#list[invocation.place] = last;
    last.place = invocation.place;
  }

  /** As they are now, so that one may go meanwhile. */
  [Symbol.iterator]() {
    return [...this.#list].values();
  }
}
