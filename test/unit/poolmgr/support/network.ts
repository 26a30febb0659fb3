import type { Clock } from "../../../../src/lib/clock.js";
import type { PoolmgrHub } from "../../../../src/poolmgr/poolmgr-hub.js";
import type { PoolmgrLink, PoolmgrStream, StreamListener } from "../../../../src/poolmgr/router-link.js";

/** What lies between routers and whichever pool manager leads: messages take a while, and are lost when a stream breaks. */
export class Network implements PoolmgrLink {
  /** Who leads. */
  hub: PoolmgrHub | undefined;
  /** Of each message. */
  latencyMs = 1;
  readonly #breaks = new Set<() => void>();

  constructor(private readonly clock: Clock) {}

  open(listener: StreamListener): PoolmgrStream {
    let [isUp, seen] = [true, 0];
    const later = (task: () => void): void => void this.clock.after(this.latencyMs, () => isUp && task());
    const down = (): void => {
      if (!isUp) return;
      isUp = false;
      this.#breaks.delete(cut);
      listener.onLost();
    };
    const connection = this.hub?.connect({
      deliver: (message, number) =>
        later(() => {
          seen = number;
          listener.onMessage(message);
        }),
      // What was said before arrives before.
      onLost: () => later(down),
    });
    const cut = (): void => {
      down();
      connection?.end(false);
    };
    this.#breaks.add(cut);
    if (connection === undefined) later(down);
    later(() => {
      const hello = listener.hello();
      later(() => connection?.receive(hello, 0));
    });
    return {
      send: (message) => {
        const said = seen;
        later(() => connection?.receive(message, said));
      },
      close: () => {
        if (!isUp) return;
        isUp = false;
        this.#breaks.delete(cut);
        connection?.end(true);
      },
    };
  }

  /** Every stream there is breaks, and what was under way on it is lost. */
  cut(): void {
    for (const cut of [...this.#breaks]) cut();
  }
}
