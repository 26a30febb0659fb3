import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { KubeApi } from "../../../../src/cluster/kubernetes/kube-api.js";
import { readKubeconfigs } from "../../../../src/cluster/kubernetes/read-kubeconfigs.js";
import { systemClock } from "../../../../src/lib/clock.js";

describe("Several kubeconfig files", () => {
  let folder: string;
  beforeAll(async () => (folder = await mkdtemp(path.join(tmpdir(), "fermi-kubeconfigs-"))));
  afterAll(() => rm(folder, { recursive: true }));

  const write = async (name: string, config: object): Promise<string> => {
    const file = path.join(folder, name);
    await writeFile(file, JSON.stringify(config));
    return file;
  };
  const cluster = (name: string, server: string): object => ({ name, cluster: { server } });
  const context = (name: string, of: string): object => ({ name, context: { cluster: of, user: "me" } });

  it("complete each other, and of what is in two the first counts", async () => {
    const one = await write("one", {
      users: [{ name: "me", user: { "client-certificate": "mine.crt" } }],
      contexts: [context("work", "office")],
      "current-context": "work",
    });
    const other = await write("other", {
      clusters: [cluster("office", "http://office:1"), cluster("home", "http://home:1")],
      users: [{ name: "me", user: { token: "another's" } }],
      contexts: [context("work", "home"), context("rest", "home")],
      "current-context": "rest",
    });
    expect(KubeApi.connect({ kubeconfig: [one, other], clock: systemClock }).server).toBe("http://office:1");
    expect(KubeApi.connect({ kubeconfig: [other, one], clock: systemClock }).server).toBe("http://home:1");
    // A whole entry, with paths from the file it is in.
    const users = [{ name: "me", certFile: path.join(folder, "mine.crt"), token: undefined }];
    expect(readKubeconfigs([one, other]).users).toMatchObject(users);
  });
});
