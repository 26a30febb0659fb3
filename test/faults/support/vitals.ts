/** What a Fermi process uses, as its own metrics say. */
import type { Fermi } from "../../support/harness.js";

export interface Vitals {
  /** Of the heap and of buffers outside of it, after garbage was collected. */
  readonly usedBytes: number;
  /** Those of clients, and those to instances and to the database. */
  readonly connections: number;
  readonly inFlight: number;
}

const metrics = async (fermi: Fermi): Promise<string> => (await fetch(`${fermi.apiUrl}/metrics`)).text();

/** The sum of all series of a gauge, or of those with these labels. */
function read(text: string, name: string, label = ""): number {
  const series = text.split("\n").filter((line) => line.startsWith(`${name}{`) || line.startsWith(`${name} `));
  const values = series.filter((line) => line.includes(label)).map((line) => Number(line.slice(line.lastIndexOf(" "))));
  return values.reduce((sum, value) => sum + value, 0);
}

export async function readVitals(fermi: Fermi): Promise<Vitals> {
  process.kill(fermi.process.pid!, "SIGUSR2");
  // The signal is handled before the answer to anything that is asked after it: the second question finds all collected.
  await metrics(fermi);
  const text = await metrics(fermi);
  return {
    usedBytes: read(text, "nodejs_heap_size_used_bytes") + read(text, "nodejs_external_memory_bytes"),
    connections: read(text, "nodejs_active_resources", `type="TCPSocketWrap"`),
    inFlight: read(text, "fermi_in_flight_requests"),
  };
}

/** Requests of the function that were accepted and have not ended. */
export const inFlightOf = async (fermi: Fermi, name: string): Promise<number> =>
  read(await metrics(fermi), "fermi_in_flight_requests", `function="${name}"`);

/** Invocations of the function that have ended. */
export const endedOf = async (fermi: Fermi, name: string): Promise<number> =>
  read(await metrics(fermi), "fermi_invocations_total", `function="${name}"`);
