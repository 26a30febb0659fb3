import { describe, expect, it } from "@jest/globals";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { addUp, CountsOfWorkers, type CountedMetrics } from "../../../src/app/counted-metrics.js";
import { checksOfWorkers } from "../../../src/app/workers/checks-of-workers.js";
import { SeenByAll } from "../../../src/app/workers/seen-by-all.js";

async function counted(calls: number, inFlight: number): Promise<CountedMetrics> {
  const registers = [new Registry()];
  new Counter({ name: "calls", help: "c", labelNames: ["fn"], registers }).inc({ fn: "a" }, calls);
  new Gauge({ name: "in_flight", help: "g", registers }).set(inFlight);
  new Histogram({ name: "took", help: "h", buckets: [1], registers }).observe(0.5);
  return (await registers[0]?.getMetricsAsJSON()) ?? [];
}

describe("What workers have counted", () => {
  it("is one sum, and keeps what ended workers had counted, but not what they showed of their state", async () => {
    const counts = new CountsOfWorkers();
    counts.said(1, await counted(3, 2));
    counts.said(2, await counted(4, 1));
    const lines = async (): Promise<string[]> => (await addUp(counts.all()).metrics()).split("\n");
    expect(await lines()).toEqual(expect.arrayContaining(['calls{fn="a"} 7', "in_flight 3", "took_count 2"]));
    await counts.ended(1);
    expect(await lines()).toEqual(expect.arrayContaining(['calls{fn="a"} 7', "in_flight 1", "took_count 2"]));
    counts.said(1, await counted(1, 5));
    expect(await lines()).toEqual(
      expect.arrayContaining(['calls{fn="a"} 8', "in_flight 6", 'took_bucket{le="1"} 3', "took_count 3"]),
    );
  });
});

describe("A change", () => {
  it("is in force when the slowest worker has it, and one that is no more holds nothing up", () => {
    const told: string[] = [];
    const seen = new SeenByAll((change) => told.push(change));
    seen.said(1, "9");
    seen.said(2, "8");
    seen.said(2, "10");
    seen.said(1, "10");
    seen.said(1, "12");
    seen.left(2);
    expect(told).toEqual(["9", "10", "12"]);
  });
});

describe("Checks of workers", () => {
  it("are one of each kind: the first that is not well, else the first", () => {
    const well = { name: "routes", ok: true, message: "Loaded." };
    const bad = { name: "routes", ok: false, message: "Not loaded." };
    const looks = [
      { number: 1, checks: [well] },
      { number: 2, checks: [bad] },
    ];
    expect(checksOfWorkers(looks, 2, undefined)).toEqual([
      { name: "router workers", ok: true, message: "2 workers answer." },
      { name: "routes", ok: false, message: "Worker 2: Not loaded." },
    ]);
    expect(checksOfWorkers(looks.slice(0, 1), 2, "1 of the router's 2 workers are ready.")).toEqual([
      { name: "router workers", ok: false, message: "1 of the router's 2 workers are ready." },
      well,
    ]);
  });

  it("are not well while a worker that counts as ready does not answer", () => {
    expect(checksOfWorkers([{ number: 1, checks: [] }], 2, undefined)).toEqual([
      { name: "router workers", ok: false, message: "1 of 2 workers answer." },
    ]);
  });
});
