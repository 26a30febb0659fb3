/** Clients that are slow, leave, or come in thousands: what they get, what the record says, and that no slot is lost. */
import { readFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { RawClient } from "../router/support/http-client.js";
import { eventually } from "../support/harness.js";
import { FaultStage } from "./support/fault-stage.js";
import type { Subject } from "./support/subject.js";
import { itUnless } from "../support/unless.js";

const cancelled = { status: "CANCELLED", error: "The caller left." };
const tooSlow = { status: "FAILED", httpStatus: 408, error: "The request's body came too slowly." };
const ok = { status: "SUCCEEDED", httpStatus: 200, error: null, attempts: 1 };

/** Less than all the other tests take together. */
const headSeconds = 5;
const readSeconds = 3;

/** Each side of 5,000 connections takes as many, and some for itself. Where a process may have fewer, that is not tried. */
const maxFiles = Number(/Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]);
const itWithFiles = itUnless(maxFiles < 6_000 ? `a process may have ${maxFiles} files open` : undefined);

/** The two ways to go: with a word and without. */
const ways = ["destroy", "reset"] as const;

describe("A client that", () => {
  let stage: FaultStage;
  let crawlers: RawClient[];
  let crawl: NodeJS.Timeout;
  let crawled: Subject;
  let crawledSince: number;
  const crawledFor: number[] = [];

  beforeAll(async () => {
    stage = await FaultStage.start({
      FERMI_HEAD_TIMEOUT_SECONDS: String(headSeconds),
      FERMI_READ_TIMEOUT_SECONDS: String(readSeconds),
    });
    crawled = await deploy("crawled");
    // These take as long as a head may; what became of them is looked at last.
    crawledSince = performance.now();
    crawlers = await Promise.all(Array.from({ length: 100 }, () => stage.connect()));
    for (const client of crawlers) {
      client.write(`GET ${crawled.path("ok")} HTTP/1.1\r\nHost: x\r\nA: `);
      client.socket.once("close", () => crawledFor.push(performance.now() - crawledSince));
    }
    crawl = setInterval(() => crawlers.forEach((client) => client.write("a")), 1_000);
  }, 90_000);
  afterEach(() => stage.expectNoHarm());
  afterAll(async () => {
    clearInterval(crawl);
    await stage.stop();
  });

  /** One slot in one instance: whoever comes next has it only if it was given back. */
  const deploy = (name: string, requestsPerInstance = 1) =>
    stage.deploy(name, { settings: { timeoutSeconds: 1, requestsPerInstance, maxInstances: 1 } });

  async function send(text: string): Promise<RawClient> {
    const client = await stage.connect();
    client.write(text);
    return client;
  }

  const get = (subject: Subject, behaviour: string): string =>
    `GET ${subject.path(behaviour)} HTTP/1.1\r\nHost: x\r\n\r\n`;
  const post = (subject: Subject, behaviour: string, framing: string): string =>
    `POST ${subject.path(behaviour)} HTTP/1.1\r\nHost: x\r\n${framing}\r\n\r\n`;

  describe.each(ways)("leaves (%s)", (leave) => {
    it("before it has said anything: nothing is recorded", async () => {
      const subject = await deploy(`left-silent-${leave}`);
      (await send(""))[leave]();
      (await send("GE"))[leave]();
      (await send(get(subject, "ok").slice(0, -2)))[leave]();
      expect((await subject.ask("ok")).status).toBe(200);
      await subject.cameToRest([ok]);
      expect(await subject.seen()).toHaveLength(1);
    });

    it("within a small body: no instance is bothered", async () => {
      const subject = await deploy(`left-small-${leave}`);
      const client = await send(`${post(subject, "ok", "Content-Length: 10")}half`);
      await subject.hasInFlight(1);
      client[leave]();
      expect((await subject.ask("ok")).status).toBe(200);
      await subject.cameToRest([{ ...cancelled, attempts: 0, httpStatus: null, instance: null }, ok]);
      expect(await subject.seen()).toHaveLength(1);
    });

    it("within a large body, or within a chunk: the function's connection is cut", async () => {
      const subject = await deploy(`left-large-${leave}`);
      for (const framing of ["Content-Length: 1000000", "Transfer-Encoding: chunked"]) {
        const client = await send(`${post(subject, "ok", framing)}ffff\r\nhalf`);
        await subject.hasInFlight(1);
        client[leave]();
        expect((await subject.ask("ok")).status).toBe(200);
      }
      const left = { ...cancelled, httpStatus: null, attempts: 1 };
      await subject.cameToRest([left, ok, left, ok]);
      expect(await subject.seen()).toHaveLength(2);
    });

    it("while it waits for a slot: its place in the line is free", async () => {
      const subject = await deploy(`left-waiting-${leave}`);
      const first = subject.ask("answers-never");
      await subject.hasSeen(1);
      const client = await send(get(subject, "ok?waiting"));
      await subject.hasInFlight(2);
      client[leave]();
      await subject.hasInFlight(1);
      expect((await first).status).toBe(504);
      const records = [
        { status: "TIMED_OUT", attempts: 1 },
        { ...cancelled, attempts: 0, httpStatus: null },
      ];
      await subject.cameToRest(records);
      expect(await subject.seen()).toHaveLength(1);
    });

    it("before its answer: the function runs to its end, and the slot is taken until then", async () => {
      const subject = await deploy(`left-asked-${leave}`);
      const client = await send(get(subject, "answers-late"));
      await subject.hasSeen(1);
      client[leave]();
      expect((await subject.ask("ok")).status).toBe(200);
      await subject.cameToRest([{ ...cancelled, attempts: 1, httpStatus: null, responseBytes: 0 }, ok]);
      const [late, next] = await subject.notes().then((notes) => notes.filter(({ event }) => event !== "specializing"));
      expect([late?.target, next?.event]).toEqual([subject.path("answers-late"), "answered late"]);
    });

    it("within its answer: the function's connection is cut", async () => {
      const subject = await deploy(`left-answered-${leave}`);
      const client = await send(get(subject, "streams-on"));
      await client.sees("more");
      client[leave]();
      expect((await subject.ask("ok")).status).toBe(200);
      await subject.cameToRest([{ ...cancelled, attempts: 1, httpStatus: 200 }, ok]);
    });

    it("with pipelined requests: each is recorded, none is lost", async () => {
      const subject = await deploy(`left-piped-${leave}`, 10);
      const client = await send(get(subject, "answers-late").repeat(10));
      await subject.hasSeen(10);
      client[leave]();
      await subject.cameToRest(Array(10).fill({ ...cancelled, attempts: 1, httpStatus: null }));
    });
  });

  it("sends its body slowly (slowloris) gets 408, and the instance is not blamed", async () => {
    const subject = await deploy("trickled", 20);
    await subject.ask("ok");
    const instances = async (): Promise<string[]> => (await subject.instances()).map(({ id }) => id);
    const before = await instances();
    const framings = ["Content-Length: 10", "Content-Length: 1000000", "Transfer-Encoding: chunked"];
    const clients = await Promise.all(framings.map((framing) => send(post(subject, "ok", framing) + "5\r\na")));
    const trickle = setInterval(() => clients.forEach((client) => client.write("a")), 400);
    for (const client of clients) {
      expect(await client.sees("too slowly", 10_000)).toMatch(/^HTTP\/1\.1 408 [^]*REQUEST_TIMEOUT/);
      await client.closed();
    }
    clearInterval(trickle);
    await subject.cameToRest([ok, tooSlow, tooSlow, tooSlow]);
    expect(await subject.seen()).toHaveLength(1);
    expect(await instances()).toEqual(before);
  });

  it("ends its connection within a chunk is recorded as gone; one that sends another thing there gets 400", async () => {
    const subject = await deploy("chunked");
    const head = post(subject, "ok", "Transfer-Encoding: chunked");
    const gone = await send(`${head}5\r\nab`);
    await subject.hasInFlight(1);
    gone.socket.end();
    await gone.closed();
    expect(gone.received).toBe("");
    const bad = await send(`${head}5\r\nabcdefg\r\n0\r\n\r\n`);
    expect(await bad.closed()).toMatch(/^HTTP\/1\.1 400 [^]*BAD_REQUEST/);
    expect((await subject.ask("ok")).status).toBe(200);
    const invalid = "The request is no valid HTTP.";
    await subject.cameToRest([
      { ...cancelled, httpStatus: null },
      { status: "FAILED", httpStatus: 400, error: invalid },
      ok,
    ]);
    expect(await subject.seen()).toHaveLength(1);
  });

  it("reads nothing of its answer is cut after the router's limit for that, and takes no memory", async () => {
    const subject = await deploy("unread");
    const before = await stage.vitals();
    const clients = await Promise.all(Array.from({ length: 5 }, () => stage.connect()));
    for (const client of clients) {
      client.socket.pause();
      client.write(get(subject, "floods"));
    }
    await subject.hasSeen(1);
    // When the pipes are full, and before the one that has the slot is cut.
    await eventually(
      async () => expect((await stage.vitals()).usedBytes - before.usedBytes).toBeLessThan(8 * 1024 * 1024),
      (readSeconds - 1) * 1_000,
    );
    await subject.hasInFlight(0);
    clients.forEach((client) => client.destroy());
    const statuses = (await subject.settledRecords(5)).map(({ status, httpStatus }) => `${status} ${httpStatus}`);
    // Who waited for the one slot had no time left.
    expect(new Set(statuses)).toEqual(new Set(["CANCELLED 200", "FAILED 429"]));
    expect((await subject.ask("ok")).status).toBe(200);
    await stage.gaveBack(before);
  });

  it("pipelines gets its answers in order, each its own", async () => {
    const subject = await deploy("piped", 100);
    const requests = Array.from({ length: 100 }, (_, i) =>
      get(subject, `${i % 3 === 0 ? "answers-late" : "ok"}?n=${i}`),
    );
    const client = await send(requests.join(""));
    const answers = await client.sees(/n=99"/, 10_000);
    const order = [...answers.matchAll(/n=(\d+)"/g)].map(([, n]) => Number(n));
    expect(order).toEqual(requests.map((_, i) => i));
    client.destroy();
    await subject.cameToRest(Array(100).fill(ok));
  });

  it("pipelines what has effects has each begun when those before it are answered, and 100 at most wait so", async () => {
    const subject = await deploy("piped-effects", 10);
    const late = (n: number): string => `${post(subject, `answers-late?n=${n}`, "Content-Length: 2")}hi`;
    const client = await send(late(0) + late(1) + get(subject, "ok?n=2"));
    await client.sees('n=2"');
    const begun = await subject.seen();
    expect(begun.map(({ target }) => target)).toEqual([
      subject.path("answers-late?n=0"),
      subject.path("answers-late?n=1"),
      subject.path("ok?n=2"),
    ]);
    client.received = "";
    client.write(late(3) + get(subject, "ok").repeat(103));
    const statuses = (): string[] => client.received.match(/HTTP\/1\.1 \d+/g) ?? [];
    await eventually(() => expect(statuses()).toHaveLength(104));
    expect(statuses().slice(-4)).toEqual(["HTTP/1.1 200", ...Array<string>(3).fill("HTTP/1.1 429")]);
    client.destroy();
    await subject.cameToRest(Array(104).fill(ok));
  });

  it("sends 10,000 requests on one connection gets 10,000 answers, and leaves nothing behind", async () => {
    const subject = await deploy("persistent", 100);
    await subject.ask("ok");
    const before = await stage.vitals();
    const client = await stage.connect();
    for (let batch = 0; batch < 100; batch++) {
      client.received = "";
      client.write(Array.from({ length: 100 }, (_, i) => get(subject, `ok?n=${batch * 100 + i}`)).join(""));
      const answers = await client.sees(`n=${batch * 100 + 99}"`, 10_000);
      expect(answers.match(/HTTP\/1\.1 200 /g)).toHaveLength(100);
    }
    client.destroy();
    await subject.isAtRest();
    expect(await subject.count()).toBe(10_001);
    expect(new Set((await subject.seen()).map(({ target }) => target)).size).toBe(10_001);
    await stage.gaveBack(before);
  }, 60_000);

  itWithFiles(
    "opens 5,000 connections hinders nobody, and is served on each",
    async () => {
      const subject = await deploy("crowded", 100);
      const before = await stage.vitals();
      const clients: RawClient[] = [];
      const callAll = async (some: readonly RawClient[], from: number): Promise<void> => {
        some.forEach((client, i) => client.write(get(subject, `ok?n=${from + i}`)));
        await Promise.all(some.map((client, i) => client.sees(`n=${from + i}"`)));
      };
      while (clients.length < 5_000) {
        const more = await Promise.all(Array.from({ length: 100 }, () => stage.connect()));
        await callAll(more, clients.length);
        clients.push(...more);
      }
      expect((await stage.vitals()).connections).toBeGreaterThanOrEqual(5_000);
      // The first, the last, and some between them, now that all are open.
      await callAll(
        clients.filter((_, i) => i % 50 === 0 || i === clients.length - 1),
        clients.length,
      );
      clients.forEach((client) => client.destroy());
      await subject.isAtRest();
      expect(await subject.count()).toBe(5_101);
      await stage.gaveBack(before);
    },
    60_000,
  );

  it("sends its head slowly (slowloris) gets 408 when the time for a head is over, and nothing is recorded", async () => {
    for (const client of crawlers) {
      expect(await client.sees("REQUEST_TIMEOUT", 2 * headSeconds * 1_000)).toMatch(/^HTTP\/1\.1 408 /);
      await client.closed();
    }
    expect(Math.min(...crawledFor)).toBeGreaterThanOrEqual(headSeconds * 1_000);
    await crawled.cameToRest([]);
    expect(await crawled.seen()).toEqual([]);
  }, 40_000);
});
