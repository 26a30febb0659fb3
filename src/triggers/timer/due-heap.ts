interface Item {
  readonly atMs: number;
  readonly id: string;
}

/** What is due when, the earliest first: adding one and taking the first cost the logarithm of how many there are. */
export class DueHeap {
  readonly #items: Item[] = [];

  get size(): number {
    return this.#items.length;
  }

  first(): Item | undefined {
    return this.#items[0];
  }

  push(id: string, atMs: number): void {
    const items = this.#items;
    let at = items.push({ id, atMs }) - 1;
    for (let parent = (at - 1) >> 1; at > 0 && this.#isBefore(at, parent); at = parent, parent = (at - 1) >> 1) {
      this.#swap(at, parent);
    }
  }

  pop(): Item | undefined {
    const items = this.#items;
    const first = items[0];
    const last = items.pop();
    if (first === undefined || last === undefined || items.length === 0) return first;
    items[0] = last;
    this.#sink(0);
    return first;
  }

  clear(): void {
    this.#items.length = 0;
  }

  #sink(from: number): void {
    for (let at = from; ;) {
      const [left, right] = [2 * at + 1, 2 * at + 2];
      let least = at;
      if (left < this.#items.length && this.#isBefore(left, least)) least = left;
      if (right < this.#items.length && this.#isBefore(right, least)) least = right;
      if (least === at) return;
      this.#swap(at, least);
      at = least;
    }
  }

  #isBefore(a: number, b: number): boolean {
    return (this.#items[a]?.atMs ?? Infinity) < (this.#items[b]?.atMs ?? Infinity);
  }

  #swap(a: number, b: number): void {
    const [one, other] = [this.#items[a], this.#items[b]];
    if (one === undefined || other === undefined) return;
    this.#items[a] = other;
    this.#items[b] = one;
  }
}
