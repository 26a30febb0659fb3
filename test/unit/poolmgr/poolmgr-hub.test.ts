import { describe, expect, it } from "@jest/globals";
import { SerialQueue } from "../../../src/lib/serial-queue.js";
import { PoolmgrHub, type RouterDesk } from "../../../src/poolmgr/poolmgr-hub.js";
import type { ToPoolmgr, ToRouter } from "../../../src/poolmgr/router-link.js";
import { settled } from "./support/fake-clock.js";

const demand = (waiting: number): ToPoolmgr => ({
  ...{ type: "DEMAND", target: { functionId: "fn", version: 1 } },
  ...{ inFlight: 0, waiting },
});
const gone = (instanceId: string): ToRouter => ({ type: "GONE", instanceId });

/** A desk that writes down what it hears. */
class Desk implements RouterDesk {
  readonly heard: string[] = [];
  readonly routers: string[] = [];
  onMessage: (routerId: string) => void = () => {};

  joined(routerId: string): [] {
    this.routers.push(routerId);
    return [];
  }

  received(routerId: string, message: ToPoolmgr, seen: number): void {
    this.heard.push(`${message.type === "DEMAND" ? message.waiting : message.type} seen ${seen}`);
    this.onMessage(routerId);
  }

  left(routerId: string): void {
    this.heard.push(`left ${this.routers.indexOf(routerId)}`);
  }
}

const make = (): { desk: Desk; hub: PoolmgrHub } => {
  const desk = new Desk();
  const queue = new SerialQueue((error) => {
    throw error;
  });
  return { desk, hub: new PoolmgrHub(desk, queue) };
};

describe("PoolmgrHub", () => {
  it("delivers a snapshot first, after the stream was handed over, each with an epoch of its own", async () => {
    const { hub } = make();
    const got: ToRouter[] = [];
    const [first, second] = [
      hub.open(
        (message) => got.push(message),
        () => {},
      ),
      hub.open(
        (m) => got.push(m),
        () => {},
      ),
    ];
    expect(got).toEqual([]);
    await settled();
    expect(got.map(({ type }) => type)).toEqual(["SNAPSHOT", "SNAPSHOT"]);
    expect(new Set(got.map((message) => message.type === "SNAPSHOT" && message.epoch)).size).toBe(2);
    first.close();
    second.close();
  });

  it("delivers the snapshot before it hears a router that speaks at once", () => {
    const { desk, hub } = make();
    const got: string[] = [];
    const stream = hub.open(
      (message) => got.push(message.type),
      () => {},
    );
    stream.send(demand(1));
    expect(got).toEqual(["SNAPSHOT"]);
    expect(desk.heard).toEqual(["1 seen 0"]);
  });

  it("handles a message before send returns, and what is sent meanwhile after it", async () => {
    const { desk, hub } = make();
    const got: string[] = [];
    const stream = hub.open(
      (message) => {
        got.push(message.type);
        if (message.type === "GONE") stream.send(demand(0));
        got.push("handled");
      },
      () => {},
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
    hub.open(
      () => {},
      () => {},
    );
    await settled();
    const [id = ""] = desk.routers;
    expect(hub.nextNumber(id)).toBe(2);
    hub.send(id, gone("a"));
    expect(hub.nextNumber(id)).toBe(3);
  });

  it("says that a router has left, once, and hears and tells it nothing more", async () => {
    const { desk, hub } = make();
    const got: string[] = [];
    const stream = hub.open(
      (message) => got.push(message.type),
      () => {},
    );
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
    hub
      .open(
        () => {},
        () => {},
      )
      .close();
    await settled();
    expect(desk.routers).toEqual([]);
    expect(desk.heard).toEqual([]);
  });

  it("tells routers that their streams are lost when it closes, and answers nobody afterwards", async () => {
    const { desk, hub } = make();
    let lost = 0;
    const stream = hub.open(
      () => {},
      () => {
        lost++;
      },
    );
    await settled();
    hub.close();
    hub.close();
    expect(lost).toBe(1);
    stream.send(demand(1));
    stream.close();
    hub.open(
      () => {},
      () => {},
    );
    await settled();
    expect(desk.routers).toHaveLength(1);
    expect(desk.heard).toEqual([]);
  });
});
