import { createServer, type ServerResponse } from "node:http";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { KubeApi } from "../../../../src/cluster/kubernetes/kube-api.js";
import { systemClock } from "../../../../src/lib/clock.js";

/** A server that answers as a test says, and the way to it. */
export interface FakeKube {
  readonly api: KubeApi;
  /** Of every request so far. */
  readonly urls: string[];
  stop(): Promise<void>;
}

export async function aFakeKube(answer: (url: URL, res: ServerResponse, method: string) => void): Promise<FakeKube> {
  const urls: string[] = [];
  const server = createServer((req, res) => {
    urls.push(req.url ?? "");
    answer(new URL(req.url ?? "", "http://fake"), res, req.method ?? "");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const folder = await mkdtemp(path.join(tmpdir(), "fermi-fake-kube-"));
  const cluster = { server: `http://127.0.0.1:${port}/prefix`, "insecure-skip-tls-verify": true };
  const config = {
    clusters: [{ name: "fake", cluster }],
    users: [{ name: "fake", user: { token: "a token" } }],
    contexts: [{ name: "fake", context: { cluster: "fake", user: "fake" } }],
    "current-context": "fake",
  };
  const kubeconfig = path.join(folder, "config");
  await writeFile(kubeconfig, JSON.stringify(config));
  const api = KubeApi.connect({ kubeconfig: [kubeconfig], clock: systemClock });
  const stop = async (): Promise<void> => {
    api.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  };
  return { api, urls, stop };
}

export const answerJson = (res: ServerResponse, value: object, status = 200): void =>
  void res.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
