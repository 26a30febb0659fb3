import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { FetcherSigner } from "../../src/fetcher/signature.js";
import { anOrder, FakeImage } from "./fake-image.js";

const bin = fileURLToPath(new URL("../../bin/fermi.js", import.meta.url));

describe("fermi fetcher", () => {
  let image: FakeImage;
  let child: ChildProcess | undefined;
  beforeEach(async () => {
    image = new FakeImage();
    await image.listen();
  });
  afterEach(async () => {
    child?.kill("SIGKILL");
    await image.stop();
  });

  const start = (env: NodeJS.ProcessEnv): ChildProcess =>
    (child = spawn(process.execPath, [bin, "fetcher"], { env, stdio: ["ignore", "ignore", "pipe"] }));

  it("serves what its pod's manifest says, and ends on SIGTERM", async () => {
    const signer = new FetcherSigner("a secret of thirty-two characters or more");
    const running = start({
      FERMI_FETCHER_CONTRACT: "FISSION_V2",
      FERMI_FETCHER_PUBLIC_KEY: signer.publicKey,
      FERMI_FETCHER_INSTANCE: "pod-1",
      FERMI_FETCHER_FOLDER: image.folder,
      FERMI_FETCHER_PORT: "0",
      FERMI_FETCHER_IMAGE_PORT: String(image.port),
    });
    const [line] = (await once(createInterface({ input: running.stderr! }), "line")) as [string];
    const { port } = JSON.parse(line) as { port: number };
    const body = anOrder("x");
    const headers = { "x-fermi-signature": signer.sign("pod-1", body) };
    const answer = await fetch(`http://127.0.0.1:${port}/specialize`, { method: "POST", body, headers });
    expect(answer.status).toBe(200);
    expect(image.requests).toHaveLength(1);
    running.kill("SIGTERM");
    expect(await once(running, "exit")).toEqual([0, null]);
  });

  it("says all that is wrong with its settings, and ends with 2", async () => {
    const running = start({ FERMI_FETCHER_CONTRACT: "FERMI", FERMI_FETCHER_FOLDER: "userfunc" });
    let told = "";
    running.stderr!.on("data", (chunk: Buffer) => (told += chunk.toString()));
    expect(await once(running, "close")).toEqual([2, null]);
    for (const name of ["CONTRACT", "PUBLIC_KEY", "INSTANCE", "FOLDER", "PORT", "IMAGE_PORT"]) {
      expect(told).toContain(`FERMI_FETCHER_${name} must be`);
    }
  });
});
