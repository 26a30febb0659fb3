/** How exactly timers call, and what ten thousand of them cost while none is due, and when all are due at once. */
import { performance } from "node:perf_hooks";
import { systemClock } from "../dist/lib/clock.js";
import { TimerSource } from "../dist/triggers/timer/timer-source.js";
import { createEnvironment, createFunction } from "./resources.mjs";
import { startServer, temporaryData, until } from "./server.mjs";
import { count, ms, percentile } from "./stats.mjs";

const firings = 200;
const timers = 10;
const many = 10_000;
const idleMs = 10_000;

/** Prints by how many milliseconds after its due time it is called. */
const lateness = `module.exports = async ({ request }) => {
  console.log(Date.now() - Date.parse(request.headers["x-fermi-scheduled-at"]));
  return { status: 200, body: "" };
};`;

export async function timersExact() {
  const late = await measureLateness();
  const crowd = await measureMany();
  return {
    title: "Timers",
    note: `${firings} calls by ${timers} timers of a warm function that are due once a second each, at different moments. Then ${count(many)} timers in one process, with a store and a router that answer at once.`,
    rows: [
      ["from the due time to the function", `p50 ${late.p50} ms, p99 ${late.p99} ms`, "aim: within 50 ms"],
      ["latest of them", `${late.worst} ms`, ""],
      [`${count(many)} different schedules taken up`, ms(crowd.takeUpMs), ""],
      [
        `CPU while none of ${count(many)} is due`,
        `${crowd.idlePercent.toFixed(2)} %`,
        `of one core, over ${idleMs / 1_000} s`,
      ],
      [`${count(many)} due at one moment, all called after`, ms(crowd.burstMs), `at most ${crowd.atATime} at a time`],
      ["longest that nothing else could run meanwhile", ms(crowd.blockedMs), ""],
    ],
  };
}

async function measureLateness() {
  const data = temporaryData();
  const server = await startServer(data.folder);
  try {
    await createEnvironment(server, 1);
    await createFunction(server, "late", lateness, { minInstances: 1, requestsPerInstance: timers });
    for (let index = 0; index < timers; index++) {
      await server.gql(
        `mutation ($name: String!) { createTimeTrigger(input: { name: $name, function: "late", schedule: "@every 1s" }) { id } }`,
        { name: `late-${index}` },
      );
    }
    const samples = await until(
      `${firings} firings`,
      async () => {
        const { logs } = await server.gql(
          `{ logs(filter: { function: "late", stream: STDOUT }, last: 200) { nodes { message } } }`,
        );
        return logs.nodes.length >= firings && logs.nodes.map(({ message }) => Number(message));
      },
      { deadlineMs: 120_000, everyMs: 2_000 },
    );
    return { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99), worst: Math.max(...samples) };
  } finally {
    await server.stop();
    data.remove();
  }
}

async function measureMany() {
  const router = answeringRouter();
  // None is due within half a day.
  const hour = (new Date().getHours() + 12) % 24;
  let triggers = Array.from({ length: many }, (_, index) =>
    trigger(index, `${index % 60} ${Math.floor(index / 60) % 60} ${hour} ${1 + (index % 28)} * *`),
  );
  const source = sourceOf(() => triggers, router);
  const startedAt = performance.now();
  source.start();
  await until("the timers to be taken up", () => source.size === many);
  const takeUpMs = performance.now() - startedAt;
  const before = process.cpuUsage();
  await new Promise((resolve) => setTimeout(resolve, idleMs));
  const { user, system } = process.cpuUsage(before);
  const due = wholeSecond(8_000);
  const schedule = `${due.getUTCSeconds()} ${due.getUTCMinutes()} ${due.getUTCHours()} * * *`;
  triggers = triggers.map((each) => ({ ...each, revision: 2, timezone: "UTC", schedule }));
  source.lookAgain();
  await until("the moment before", () => Date.now() > due.getTime() - 100);
  const blocked = watchLoop();
  await until("all to be called", () => router.called === many, { everyMs: 1 });
  const burstMs = Date.now() - due.getTime();
  const blockedMs = blocked();
  await source.stop();
  return { takeUpMs, idlePercent: (user + system) / 10 / idleMs, burstMs, atATime: router.atATime, blockedMs };
}

const wholeSecond = (fromNowMs) => new Date(Math.floor((Date.now() + fromNowMs) / 1_000) * 1_000);

const trigger = (index, schedule) => ({
  ...{
    kind: "TIME",
    id: `t${index}`,
    namespace: "default",
    name: `t${index}`,
    revision: 1,
    functionId: `f${index % 500}`,
  },
  ...{ enabled: true, schedule, timezone: "Europe/Berlin", onMissed: "RUN_ONCE", missedWindowSeconds: 3_600 },
  ...{ overlap: "ALLOW", createdAt: wholeSecond(0), updatedAt: wholeSecond(0), armedAt: wholeSecond(0) },
});

/** Answers in the next turn, and counts. */
function answeringRouter() {
  const router = { called: 0, running: 0, atATime: 0 };
  return Object.assign(router, {
    invoke: async () => {
      router.atATime = Math.max(router.atATime, ++router.running);
      await new Promise((resolve) => setImmediate(resolve));
      router.running--;
      router.called++;
      return { invocation: { status: "SUCCEEDED", httpStatus: 200, error: null } };
    },
  });
}

const sourceOf = (load, invoker) =>
  new TimerSource({
    triggers: { load: () => Promise.resolve(load()) },
    runs: {
      ask: async (asked) => new Map(asked.map(({ triggerId }) => [triggerId, { outcome: "RUN", withinMs: 60_000 }])),
      finish: () => Promise.resolve(),
      known: () => Promise.resolve(new Map()),
    },
    invoker,
    statuses: { report: () => {} },
    clock: systemClock,
    logger: { debug() {}, info() {}, warn: console.error, error: console.error },
    leads: () => true,
    linger: () => {},
    stopWithinMs: 1_000,
  });

/** Tells the longest pause between two turns of the event loop. */
function watchLoop() {
  let [last, worst, isOver] = [performance.now(), 0, false];
  const turn = () => {
    const now = performance.now();
    worst = Math.max(worst, now - last);
    last = now;
    if (!isOver) setImmediate(turn);
  };
  setImmediate(turn);
  return () => {
    isOver = true;
    return worst;
  };
}
