import { EventEmitter, once } from "node:events";
import { connect, type Server, type Socket } from "node:net";
import type { ChildProcess } from "node:child_process";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { WorkerPool } from "../../../src/app/workers/worker-pool.js";
import type { ToParent, ToWorker, WorkerSettings } from "../../../src/app/workers/worker-messages.js";
import { silentLogger } from "../../../src/lib/logger.js";
import { FakeClock } from "../poolmgr/support/fake-clock.js";

/** A worker's process as its parent sees it: says what the test has it say, and answers each connection with that. */
class FakeChild extends EventEmitter {
  readonly pid = 1;
  /** Connections that it got. */
  handed = 0;
  #said = "";

  say(type: Extract<ToParent["type"], "UP" | "READY">): void {
    this.#said = type;
    this.emit("message", { kind: "TELL", message: { type } });
  }

  send({ message }: { message: ToWorker }, socket: Socket | undefined): void {
    if (message.type === "STOP") setImmediate(() => this.die());
    if (socket === undefined) return;
    this.handed++;
    socket.end(this.#said);
  }

  die(): void {
    this.emit("exit", null, "SIGKILL");
  }
}

describe("WorkerPool", () => {
  let clock: FakeClock;
  let children: FakeChild[];
  let said: string[];
  let server: Server;
  let pool: WorkerPool;
  let port: number;

  beforeEach(async () => {
    clock = new FakeClock();
    children = [];
    said = [];
    const take = (): ChildProcess => {
      const child = new FakeChild();
      children.push(child);
      return child as unknown as ChildProcess;
    };
    pool = new WorkerPool({
      count: 2,
      forks: { take },
      settings: (number) => ({ number, of: 2 }) as Omit<WorkerSettings, "unready">,
      clock,
      logger: { ...silentLogger, info: (_fields, message) => void said.push(message) },
      onSeen: () => {},
      onEnded: () => {},
      page: () => Promise.reject(new Error("nobody asks")),
      guard: (listening) => (server = listening),
    });
    const started = pool.start("127.0.0.1", 0, false);
    while (children.length < 2) await clock.pass(0);
    for (const child of children) child.say("UP");
    port = await started;
  });
  afterEach(() => pool.stop(0));

  /** Those that are there now, in place of those before. */
  const replaced = async (): Promise<FakeChild[]> => {
    await clock.pass(1_000);
    return children.slice(-2);
  };
  /** Resolves when the connection waits, or was handed to a worker: to what that one will say. */
  const call = async (): Promise<{ answer: string }> => {
    const client = connect(port, "127.0.0.1").setEncoding("utf8");
    const seen = { answer: "" };
    client.on("data", (text: string) => (seen.answer += text));
    await once(server, "connection");
    return seen;
  };
  const answered = async (seen: { answer: string }): Promise<string> => {
    while (seen.answer === "") await clock.pass(0);
    return seen.answer;
  };

  it("was not whole when the only worker that is not ready yet dies", async () => {
    const [first, second] = children;
    first?.say("READY");
    second?.die();
    expect(pool.unready).toBe("1 of the router's 2 workers are ready.");
    expect(said).toEqual([]);
    await clock.pass(1_000);
    children[2]?.say("UP");
    children[2]?.say("READY");
    expect(pool.unready).toBeUndefined();
    expect(said).toEqual(["the router runs in 2 worker processes"]);
  });

  it("has connections wait for routes where all workers have died", async () => {
    for (const child of children) child.say("READY");
    for (const child of children.slice()) child.die();
    const early = await call();
    const [first, second] = await replaced();
    first?.say("UP");
    second?.say("UP");
    const late = await call();
    await clock.pass(4_000);
    expect([first?.handed, second?.handed]).toEqual([0, 0]);
    second?.say("READY");
    expect(await Promise.all([early, late].map(answered))).toEqual(["READY", "READY"]);
  });

  it("has them wait for no more than five seconds where no routes can be had", async () => {
    for (const child of children) child.say("READY");
    for (const child of children.slice()) child.die();
    const [first] = await replaced();
    first?.say("UP");
    const seen = await call();
    await clock.pass(4_999);
    expect(first?.handed).toBe(0);
    await clock.pass(1);
    expect(await answered(seen)).toBe("UP");
    expect(await answered(await call())).toBe("UP");
  });

  it("has nobody wait for the first routes of all", async () => {
    expect(await answered(await call())).toBe("UP");
  });
});
