import { describe, expect, it } from "@jest/globals";
import { newId } from "../../../src/lib/new-id.js";
import { SerialQueue } from "../../../src/lib/serial-queue.js";
import { PoolmgrHub, type RouterDesk } from "../../../src/poolmgr/poolmgr-hub.js";
import type { Hello, Holding, ToPoolmgr, ToRouter } from "../../../src/poolmgr/router-link.js";
import { FakeClock, settled } from "./support/fake-clock.js";

const demand = (waiting: number): ToPoolmgr => ({
  ...{ type: "DEMAND", target: { functionId: "fn", version: 1 } },
  ...{ inFlight: 0, waiting },
});
const gone = (instanceId: string): ToRouter => ({ type: "GONE", instanceId });

/** A desk that writes down what it hears. */
class Desk implements RouterDesk {
  readonly heard: string[] = [];
  readonly routers: string[] = [];
  readonly holdings: Holding[] = [];
  onMessage: (routerId: string) => void = () => {};

  joined(routerId: string, holdings: readonly Holding[]): [] {
    if (!this.routers.includes(routerId)) this.routers.push(routerId);
    this.holdings.push(...holdings);
    return [];
  }

  received(routerId: string, message: ToPoolmgr, seen: number): void {
    this.heard.push(`${message.type === "DEMAND" ? message.waiting : message.type} seen ${seen}`);
    this.onMessage(routerId);
  }

  lost(routerId: string): void {
    this.heard.push(`lost ${this.routers.indexOf(routerId)}`);
  }

  left(routerId: string): void {
    this.heard.push(`left ${this.routers.indexOf(routerId)}`);
  }
}

const make = (): { desk: Desk; hub: PoolmgrHub; clock: FakeClock } => {
  const desk = new Desk();
  const clock = new FakeClock();
  const queue = new SerialQueue((error) => {
    throw error;
  });
  const hub = new PoolmgrHub(desk, queue, clock);
  hub.begin();
  return { desk, hub, clock };
};

const hello = (routerId = newId(), holdings: readonly Holding[] = []): Hello => ({ type: "HELLO", routerId, holdings });

const listening = (onMessage: (message: ToRouter) => unknown = () => {}, first = hello()) => ({
  hello: () => first,
  onMessage: (message: ToRouter): void => void onMessage(message),
  onLost: (): void => {},
});

describe("PoolmgrHub", () => {
  it("delivers a snapshot first, after the stream was handed over, each with an epoch of its own", async () => {
    const { hub } = make();
    const got: ToRouter[] = [];
    const [first, second] = [
      hub.open(listening((message) => got.push(message))),
      hub.open(listening((message) => got.push(message))),
    ];
    expect(got).toEqual([]);
    await settled();
    expect(got.map(({ type }) => type)).toEqual(["SNAPSHOT", "SNAPSHOT"]);
    expect(new Set(got.map((message) => message.type === "SNAPSHOT" && message.epoch)).size).toBe(2);
    first.close();
    second.close();
  });

  it("hears nothing of a router before its HELLO, which is asked for when it is said", async () => {
    const { desk, hub } = make();
    const holdings: Holding[] = [];
    const stream = hub.open(listening(undefined, hello("router", holdings)));
    stream.send(demand(1));
    const holding = { instanceId: "a", slots: 2, inFlight: 1 };
    holdings.push(holding);
    await settled();
    stream.send(demand(2));
    expect(desk.holdings).toEqual([holding]);
    expect(desk.heard).toEqual(["2 seen 1"]);
  });

  it("handles a message before send returns, and what is sent meanwhile after it", async () => {
    const { desk, hub } = make();
    const got: string[] = [];
    const stream = hub.open(
      listening((message) => {
        got.push(message.type);
        if (message.type === "GONE") stream.send(demand(0));
        got.push("handled");
      }),
    );
    await settled();
    desk.onMessage = (routerId) => {
      if (desk.heard.length > 1) return;
      hub.send(routerId, gone("a"));
      hub.send(routerId, gone("b"));
      got.push("decided");
    };
    stream.send(demand(1));
    expect(got.slice(2)).toEqual(["decided", "GONE", "handled", "GONE", "handled"]);
    expect(desk.heard).toEqual(["1 seen 1", "0 seen 2", "0 seen 3"]);
  });

  it("numbers what it sends, so that a router's word tells what it knew", async () => {
    const { desk, hub } = make();
    hub.open(listening());
    await settled();
    const [id = ""] = desk.routers;
    expect(hub.nextNumber(id)).toBe(2);
    hub.send(id, gone("a"));
    expect(hub.nextNumber(id)).toBe(3);
  });

  it("says that a router has left, once, and hears and tells it nothing more", async () => {
    const { desk, hub } = make();
    const got: string[] = [];
    const stream = hub.open(listening((message) => got.push(message.type)));
    await settled();
    stream.close();
    stream.close();
    stream.send(demand(1));
    hub.send(desk.routers[0] ?? "", gone("a"));
    expect(desk.heard).toEqual(["left 0"]);
    expect(got).toEqual(["SNAPSHOT"]);
  });

  it("never lets a router in that left before it was", async () => {
    const { desk, hub } = make();
    hub.open(listening()).close();
    await settled();
    expect(desk.routers).toEqual([]);
    expect(desk.heard).toEqual([]);
  });

  it("keeps a router's place for three seconds when its stream breaks, and then says that it has left", async () => {
    const { desk, hub, clock } = make();
    const open = () => {
      const connection = hub.connect({ deliver: () => {}, onLost: () => {} });
      connection.receive(hello("router"), 0);
      return connection;
    };
    open().end(false);
    await clock.pass(2_900);
    const second = open();
    await clock.pass(10_000);
    expect(desk.heard).toEqual(["lost 0"]);
    second.end(false);
    await clock.pass(3_100);
    expect(desk.heard).toEqual(["lost 0", "lost 0", "left 0"]);
  });

  it("lets a router's new stream take the place of one that it does not know to be broken", async () => {
    const { desk, hub, clock } = make();
    let lost = 0;
    const former = hub.connect({ deliver: () => {}, onLost: () => lost++ });
    former.receive(hello("router"), 0);
    const got: number[] = [];
    hub.connect({ deliver: (_message, number) => got.push(number), onLost: () => {} }).receive(hello("router"), 0);
    former.receive(demand(1), 1);
    former.end(false);
    hub.send("router", gone("a"));
    await clock.pass(10_000);
    expect(lost).toBe(1);
    expect(desk.heard).toEqual([]);
    expect(got).toEqual([1, 2]);
  });

  it("believes no router that claims to have seen what was not sent", async () => {
    const { desk, hub } = make();
    const connection = hub.connect({ deliver: () => {}, onLost: () => {} });
    connection.receive(hello(), 0);
    connection.receive(demand(1), 99);
    expect(desk.heard).toEqual(["1 seen 1"]);
  });

  it("tells routers that their streams are lost when it closes, and whoever comes before it is open or afterwards", async () => {
    const { desk, hub } = make();
    let lost = 0;
    const listener = {
      ...listening(),
      onLost: () => {
        lost++;
      },
    };
    const stream = hub.open(listener);
    await settled();
    hub.close();
    hub.close();
    expect(lost).toBe(1);
    stream.send(demand(1));
    stream.close();
    hub.open(listener);
    await settled();
    expect(lost).toBe(2);
    hub.begin();
    hub.open(listener);
    await settled();
    expect(lost).toBe(2);
    expect(desk.routers).toHaveLength(1);
    expect(desk.heard).toEqual([]);
  });
});
