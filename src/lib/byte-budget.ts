/** Room for so many bytes, shared by all who keep some for a while. */
export class ByteBudget {
  #taken = 0;

  constructor(private readonly bytes: number) {}

  /** Less than nothing where more is held than there is room for. */
  get left(): number {
    return this.bytes - this.#taken;
  }

  hasRoomFor(bytes: number): boolean {
    return this.#taken + bytes <= this.bytes;
  }

  /** Empty at first. */
  share(): ByteShare {
    let own = 0;
    const hold = (bytes: number): void => {
      this.#taken += bytes - own;
      own = bytes;
    };
    return {
      grow: (bytes) => {
        if (!this.hasRoomFor(bytes)) return false;
        hold(own + bytes);
        return true;
      },
      hold,
      release: () => hold(0),
    };
  }
}

export interface ByteShare {
  /** False, and nothing changed, where there is no room. */
  grow(bytes: number): boolean;
  /** Has exactly so many from now on, whether there is room or not. */
  hold(bytes: number): void;
  /** Gives all of it back. */
  release(): void;
}
