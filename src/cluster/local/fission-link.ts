import { createServer, type AddressInfo } from "node:net";
import { Fetcher } from "../../fetcher/fetcher.js";
import { untilListening } from "../../fetcher/image-client.js";
import type { FissionContract } from "../../fetcher/plan-code.js";
import type { Clock } from "../../lib/clock.js";
import type { RuntimeAnswer, RuntimeLink } from "../runtime-client.js";

export interface FissionLinkOptions {
  readonly contract: FissionContract;
  readonly port: number;
  /** In which the instance finds its code. */
  readonly folder: string;
  readonly clock: Clock;
}

/** To an instance of Fission's contracts: in a pod the fetcher's container does what is done here within this process. */
export class FissionLink implements RuntimeLink {
  readonly port: number;
  readonly #fetcher: Fetcher;

  constructor(private readonly options: FissionLinkOptions) {
    const { contract, port, folder, clock } = options;
    this.port = port;
    this.#fetcher = new Fetcher({ contract, folder, clock, image: this.#image });
  }

  ping(signal: AbortSignal): Promise<void> {
    return untilListening(this.#image, this.options.clock, signal);
  }

  specialize(body: string, signal: AbortSignal): Promise<RuntimeAnswer> {
    return this.#fetcher.specialize(body, signal);
  }

  /** Each of its connections is closed already. */
  close(): void {}

  get #image(): { host: string; port: number } {
    return { host: "127.0.0.1", port: this.options.port };
  }
}

/** A port that nobody listens on, for one who can't choose and say it: another may take it first, so it may fail. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
