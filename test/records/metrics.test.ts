import { describe, expect, it } from "@jest/globals";
import { Metrics, type MetricSources } from "../../src/app/metrics.js";
import { newId } from "../../src/lib/new-id.js";
import type { Instance } from "../../src/model/instance.js";
import { invocation } from "./support/record-builders.js";

describe("Metrics", () => {
  const setUp = (sources: Partial<MetricSources> = {}) => {
    const metrics = new Metrics({
      pools: () => [],
      environmentName: () => undefined,
      functionName: () => undefined,
      waiting: () => 0,
      elsewhere: () => Promise.resolve([]),
      ...sources,
    });
    /** The values of one metric, by its labels. */
    const valuesOf = async (name: string): Promise<Record<string, number>> => {
      const { body } = await metrics.render();
      const lines = body.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
      return Object.fromEntries(
        lines.map((line) => {
          const [, labels = "", value] = /^[^ {]+({.*})? (.*)$/.exec(line) ?? [];
          return [labels, Number(value)];
        }),
      );
    };
    return { metrics, valuesOf };
  };
  const hello = { namespace: "default", functionName: "hello" };
  const helloLabels = 'namespace="default",function="hello"';

  it("counts invocations by function and status, with durations and cold waits", async () => {
    const { metrics, valuesOf } = setUp();
    metrics.invocation(invocation({ durationMs: 30 }), hello);
    metrics.invocation(invocation({ durationMs: 70, coldStart: true, waitMs: 50 }), hello);
    metrics.invocation(invocation({ durationMs: null, status: "CANCELLED" }), hello);
    expect(await valuesOf("fermi_invocations_total")).toEqual({
      [`{${helloLabels},status="SUCCEEDED"}`]: 2,
      [`{${helloLabels},status="CANCELLED"}`]: 1,
    });
    expect(await valuesOf("fermi_invocation_duration_seconds_sum")).toEqual({ [`{${helloLabels}}`]: 0.1 });
    expect(await valuesOf("fermi_invocation_duration_seconds_count")).toEqual({ [`{${helloLabels}}`]: 2 });
    expect(await valuesOf("fermi_cold_wait_duration_seconds_sum")).toEqual({ [`{${helloLabels}}`]: 0.05 });
  });

  it("counts WebSockets whose clients did not read", async () => {
    const { metrics, valuesOf } = setUp();
    metrics.slowSocketEnded();
    expect(await valuesOf("fermi_slow_websockets_total")).toEqual({ "": 1 });
  });

  it("names the first thousand functions, and calls all others other", async () => {
    const { metrics, valuesOf } = setUp();
    for (let index = 0; index < 1_010; index++) {
      metrics.invocation(invocation(), { namespace: "default", functionName: `f${index}` });
    }
    metrics.invocation(invocation(), { namespace: "default", functionName: "f999" });
    const values = await valuesOf("fermi_invocations_total");
    expect(Object.keys(values)).toHaveLength(1_001);
    expect(values['{namespace="default",function="f999",status="SUCCEEDED"}']).toBe(2);
    expect(values['{namespace="other",function="other",status="SUCCEEDED"}']).toBe(10);
  });

  it("shows what is in flight and how much waits, and forgets what has ended", async () => {
    const [known, unknown] = [newId(), newId()];
    const { metrics, valuesOf } = setUp({
      functionName: (id) => (id === known ? hello : undefined),
      waiting: () => 1,
    });
    for (const id of [known, known, unknown]) metrics.inFlight(id, 1);
    expect(await valuesOf("fermi_in_flight_requests")).toEqual({
      [`{${helloLabels}}`]: 2,
      '{namespace="other",function="other"}': 1,
    });
    expect(await valuesOf("fermi_waiting_requests")).toEqual({ "": 1 });
    for (const id of [known, known, unknown]) metrics.inFlight(id, -1);
    expect(await valuesOf("fermi_in_flight_requests")).toEqual({});
  });

  it("shows instances by environment and state, as they are at the moment", async () => {
    let states: Instance["state"][] = ["WARM", "WARM", "READY"];
    const { valuesOf } = setUp({
      environmentName: (id) => (id === "e1" ? "nodejs" : undefined),
      pools: () => [
        {
          environmentId: "e1",
          warm: 0,
          starting: 0,
          specialized: 0,
          problem: null,
          instances: states.map((state) => ({ state }) as Instance),
        },
      ],
    });
    const before = await valuesOf("fermi_instances");
    expect(before['{environment="nodejs",state="WARM"}']).toBe(2);
    expect(before['{environment="nodejs",state="STARTING"}']).toBe(0);
    states = [];
    expect(Object.values(await valuesOf("fermi_instances"))).toEqual([0, 0, 0, 0, 0]);
  });

  it("counts records, log lines and instances that were added or lost", async () => {
    const { metrics, valuesOf } = setUp({ functionName: () => hello });
    metrics.recordsWritten(5);
    metrics.recordsDropped(2);
    metrics.recordsSampledOut(3);
    metrics.logLinesWritten(7);
    metrics.logLinesDropped(1, "buffer_full");
    metrics.coldStart("f", 20);
    metrics.failure("f", "LOAD_FAILED");
    metrics.claimsWaiting(4);
    expect(await valuesOf("fermi_records_written_total")).toEqual({ "": 5 });
    expect(await valuesOf("fermi_records_dropped_total")).toEqual({ "": 2 });
    expect(await valuesOf("fermi_records_sampled_out_total")).toEqual({ "": 3 });
    expect(await valuesOf("fermi_log_lines_written_total")).toEqual({ "": 7 });
    expect(await valuesOf("fermi_log_lines_dropped_total")).toEqual({ '{reason="buffer_full"}': 1 });
    expect(await valuesOf("fermi_cold_start_duration_seconds_sum")).toEqual({ [`{${helloLabels}}`]: 0.02 });
    expect(await valuesOf("fermi_instance_failures_total")).toEqual({ [`{${helloLabels},code="LOAD_FAILED"}`]: 1 });
    expect(await valuesOf("fermi_waiting_claims")).toEqual({ "": 4 });
  });

  it("tells about the process, and mixes with no other server of the process", async () => {
    const one = setUp();
    const two = setUp();
    one.metrics.recordsWritten(1);
    expect(await two.valuesOf("fermi_records_written_total")).toEqual({ "": 0 });
    expect((await one.metrics.render()).contentType).toContain("text/plain");
    expect(Object.values(await one.valuesOf("process_resident_memory_bytes"))[0]).toBeGreaterThan(0);
  });
});
