import { afterEach, describe, expect, it } from "@jest/globals";
import type { ServerResponse } from "node:http";
import { ResourceWatch, type KubeResource } from "../../../../src/cluster/kubernetes/resource-watch.js";
import { systemClock, type Clock } from "../../../../src/lib/clock.js";
import { silentLogger } from "../../../../src/lib/logger.js";
import { aFakeKube, answerJson, type FakeKube } from "./fake-api.js";

/** Waits take a twentieth of their time. */
const hasty: Clock = { ...systemClock, after: (ms, task) => systemClock.after(ms / 20, task) };

const resource = (uid: string, resourceVersion = "1", name = uid): KubeResource => ({
  metadata: { uid, name, resourceVersion },
});

/** What a test's server does with lists and watches, one after another; the last goes on for ever. */
interface Script {
  readonly lists: readonly (readonly KubeResource[])[];
  readonly watches: readonly ((res: ServerResponse) => void)[];
}

describe("ResourceWatch", () => {
  let kube: FakeKube | undefined;
  let watch: ResourceWatch<KubeResource> | undefined;
  const heard: string[] = [];
  const waiting: { readonly isSo: () => boolean; readonly done: () => void }[] = [];

  afterEach(async () => {
    await watch?.stop();
    await kube?.stop();
    heard.length = 0;
    waiting.length = 0;
  });

  const hear = (text: string): void => {
    heard.push(text);
    for (const { isSo, done } of waiting) if (isSo()) done();
  };
  const until = (isSo: () => boolean): Promise<void> => {
    if (isSo()) return Promise.resolve();
    return new Promise((done) => waiting.push({ isSo, done }));
  };
  const count = (text: string): number => heard.filter((word) => word === text).length;

  async function start({ lists, watches }: Script, clock: Clock = hasty): Promise<void> {
    let [listed, watched] = [0, 0];
    kube = await aFakeKube((url, res) => {
      if (url.searchParams.get("watch") === "true") {
        res.writeHead(200, { "content-type": "application/json" }).flushHeaders();
        watches[Math.min(watched++, watches.length - 1)]?.(res);
      } else {
        const items = lists[Math.min(listed++, lists.length - 1)];
        answerJson(res, { metadata: { resourceVersion: String(listed) }, items });
      }
    });
    watch = new ResourceWatch<KubeResource>({
      ...{ api: kube.api, clock, logger: silentLogger, path: "/api/v1/pods", labelSelector: "a=b", watchSeconds: 30 },
      onPresent: ({ metadata }) => hear(`${metadata.uid}@${metadata.resourceVersion}`),
      onAbsent: ({ metadata }) => hear(`no ${metadata.uid}`),
      onListed: () => hear("listed"),
    });
    watch.start();
  }

  const event = (type: string, object: object): string => `${JSON.stringify({ type, object })}\n`;
  const open = (): void => {};
  const end = (res: ServerResponse): void => void res.end();

  it("lists, then watches from there on, with a selector, below the server's own path", async () => {
    await start({ lists: [[resource("a")]], watches: [(res) => res.write(event("ADDED", resource("b", "2")))] });
    await until(() => count("b@2") === 1);
    expect(heard).toEqual(["a@1", "listed", "b@2"]);
    expect(kube!.urls).toEqual([
      "/prefix/api/v1/pods?labelSelector=a%3Db",
      "/prefix/api/v1/pods?labelSelector=a%3Db&resourceVersion=1&watch=true&timeoutSeconds=30",
    ]);
  });

  it("takes events that come in pieces", async () => {
    const text = event("MODIFIED", resource("ä", "2")) + event("DELETED", resource("ä", "3"));
    const bytes = Buffer.from(text);
    const write = (res: ServerResponse): void => {
      for (const byte of bytes) res.write(Buffer.from([byte]));
    };
    await start({ lists: [[]], watches: [write, open] });
    await until(() => count("no ä") === 1);
    expect(heard).toEqual(["listed", "ä@2", "no ä"]);
  });

  it("lists anew where its version has expired", async () => {
    const expired = (res: ServerResponse): void => {
      res.write(event("ERROR", { kind: "Status", code: 410, reason: "Expired" }));
    };
    await start({ lists: [[resource("a")], [resource("a"), resource("b")]], watches: [expired, open] });
    await until(() => count("b@1") === 1);
    expect(heard).toEqual(["a@1", "listed", "b@1", "listed"]);
  });

  it("makes good what events have missed, and tells one of the same name made anew from the one before", async () => {
    const lists = [[resource("a"), resource("old", "1", "x")], [resource("new", "5", "x")]];
    await start({ lists, watches: [end, open] });
    await until(() => count("listed") === 2);
    expect(heard).toEqual(["a@1", "old@1", "listed", "no a", "no old", "new@5", "listed"]);
  });

  it("does not trust a connection on which nothing ends", async () => {
    await start({ lists: [[], [resource("a")]], watches: [open] });
    const beganMs = performance.now();
    await until(() => count("a@1") === 1);
    // A twentieth of thirty seconds and a little.
    expect(performance.now() - beganMs).toBeLessThan(4_000);
  });

  it("goes on after a connection that breaks in the middle of an event", async () => {
    const tear = (res: ServerResponse): void => {
      res.write(event("ADDED", resource("b", "2")).slice(0, 20), () => res.destroy());
    };
    await start({ lists: [[], [resource("b", "2")]], watches: [tear, open] });
    await until(() => count("b@2") === 1);
  });

  it("asks a server that ends every watch at once less and less often", async () => {
    await start({ lists: [[]], watches: [end] }, systemClock);
    await until(() => count("listed") === 3);
    const beganMs = performance.now();
    await until(() => count("listed") === 5);
    expect(performance.now() - beganMs).toBeGreaterThan(1_500);
  });

  it("asks nothing more once it is stopped", async () => {
    await start({ lists: [[]], watches: [open] });
    await until(() => count("listed") === 1);
    await watch!.stop();
    const { length } = kube!.urls;
    watch!.refresh();
    await kube!.api.call({ method: "GET", path: "/api/v1/pods" });
    expect(kube!.urls).toHaveLength(length + 1);
  });
});
