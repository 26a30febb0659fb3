import { readFile } from "node:fs/promises";
import { expect } from "@jest/globals";
import { ask, type Answer, type Ask } from "../../router/support/http-client.js";
import { eventually, type Fermi } from "../../support/harness.js";
import { endedOf, inFlightOf } from "./vitals.js";

export interface Settings {
  readonly timeoutSeconds?: number;
  readonly requestsPerInstance?: number;
  readonly minInstances?: number;
  readonly maxInstances?: number;
}

export interface RecordRow {
  readonly id: string;
  readonly status: string;
  readonly httpStatus: number | null;
  readonly error: string | null;
  readonly attempts: number;
  readonly path: string;
  readonly instance: string | null;
  readonly requestBytes: number;
  readonly responseBytes: number;
}

/** What an instance noted: a request that reached user code, or something else that happened. */
export interface Note {
  readonly pid: number;
  readonly fn: string;
  readonly event?: string;
  readonly anomaly?: string;
  /** Of the invocation. */
  readonly id?: string;
  readonly method?: string;
  readonly target?: string;
  readonly body?: string;
  readonly bytes?: number;
  /** The header X-Token. */
  readonly token?: string;
}
export type SeenRequest = Required<Omit<Note, "event" | "anomaly">>;

/** What a record is to say; text that is not known to the letter may be a matcher. */
type Expected = { readonly [key in keyof RecordRow]?: unknown };

interface InstanceRow {
  readonly id: string;
  readonly state: string;
  readonly inFlight: number;
}

const RECORDS = `query($name: String!, $after: String) {
  invocations(filter: {function: $name}, first: 200, after: $after) {
    nodes { id status httpStatus error attempts path instance requestBytes responseBytes }
    pageInfo { hasNextPage endCursor }
  }
}`;

interface RecordPage {
  readonly invocations: {
    readonly nodes: RecordRow[];
    readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor: string };
  };
}

/** One function under test, with what can be seen of it from outside. */
export class Subject {
  constructor(
    private readonly fermi: Fermi,
    readonly name: string,
    private readonly seenFile: string,
  ) {}

  /** The path at which it behaves so. */
  path(behaviour: string): string {
    return `/${this.name}/${behaviour}`;
  }

  ask(behaviour: string, options: Ask = {}): Promise<Answer> {
    return ask(Number(new URL(this.fermi.routerUrl).port), this.path(behaviour), options);
  }

  /** Asked, its answer breaks off: within, or before its head has left the router's buffer. */
  isCutOff(behaviour: string): Promise<boolean> {
    return this.ask(behaviour).then(
      ({ isComplete }) => !isComplete,
      (error: unknown) => (error as NodeJS.ErrnoException).code === "ECONNRESET",
    );
  }

  /** Resolves once the router knows the route. PATCH is no method of it, so no function is called. */
  isRouted(host = "any.example"): Promise<void> {
    return eventually(async () => {
      const answer = await this.ask("", { method: "PATCH", headers: { host } });
      expect(answer.headers["x-fermi-error"]).toBe("METHOD_NOT_ALLOWED");
    });
  }

  /** Oldest first. */
  async records(): Promise<RecordRow[]> {
    const rows: RecordRow[] = [];
    for (let after: string | null = null; ;) {
      const { invocations }: RecordPage = await this.fermi.ok<RecordPage>(RECORDS, { name: this.name, after });
      rows.push(...invocations.nodes);
      if (!invocations.pageInfo.hasNextPage) return rows.reverse();
      after = invocations.pageInfo.endCursor;
    }
  }

  /** Resolves when a line of its log is this one. */
  hasLogged(message: string): Promise<void> {
    return eventually(async () => {
      const { logs } = await this.fermi.ok<{ logs: { nodes: { message: string }[] } }>(
        `query($name: String!) { logs(filter: {function: $name}, last: 100) { nodes { message } } }`,
        { name: this.name },
      );
      expect(logs.nodes.map((line) => line.message)).toContain(message);
    });
  }

  async instances(): Promise<InstanceRow[]> {
    const { function: fn } = await this.fermi.ok<{ function: { instances: InstanceRow[] } }>(
      `query($name: String!) { function(name: $name) { instances { id state inFlight } } }`,
      { name: this.name },
    );
    return fn.instances;
  }

  /** Resolves when so many instances are ready, and no other one is there. */
  hasReady(count: number): Promise<void> {
    return eventually(async () => {
      expect((await this.instances()).map(({ state }) => state)).toEqual(Array<string>(count).fill("READY"));
    }, 20_000);
  }

  /** Resolves when so many requests have been accepted and have not ended. */
  hasInFlight(count: number): Promise<void> {
    return eventually(async () => expect(await inFlightOf(this.fermi, this.name)).toBe(count));
  }

  /** The requests that reached the function, in whichever instance. */
  async seen(): Promise<SeenRequest[]> {
    return (await this.notes()).filter((note): note is SeenRequest => note.id !== undefined);
  }

  /** All that its instances noted. */
  async notes(): Promise<Note[]> {
    const lines = (await readFile(this.seenFile, "utf8")).split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Note).filter(({ fn }) => fn === this.name);
  }

  /** Resolves when so many requests have reached it. */
  hasSeen(count: number): Promise<void> {
    return eventually(async () => expect(await this.seen()).toHaveLength(count));
  }

  /** Exactly these are its records, oldest first; every slot is back, and nothing is under way. */
  async cameToRest(records: readonly Expected[]): Promise<void> {
    await this.isAtRest();
    await eventually(async () => {
      expect(await this.records()).toEqual(records.map((record) => expect.objectContaining(record)));
    });
  }

  /** The so many records there are to be, once nothing is under way. */
  async settledRecords(count: number): Promise<RecordRow[]> {
    await this.isAtRest();
    return eventually(async () => {
      const records = await this.records();
      expect(records).toHaveLength(count);
      return records;
    });
  }

  /** How many invocations have ended. */
  count(): Promise<number> {
    return endedOf(this.fermi, this.name);
  }

  async isAtRest(): Promise<void> {
    await this.hasInFlight(0);
    await eventually(async () => {
      expect((await this.instances()).filter(({ inFlight }) => inFlight !== 0)).toEqual([]);
    });
  }
}
