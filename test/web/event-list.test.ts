import { describe, expect, it } from "@jest/globals";
import { EventList, type EventView } from "../../web/src/event-list.js";

const started = () => {
  const views: EventView[] = [];
  let due: (() => void) | undefined;
  const events = new EventList({
    show: (view) => views.push(view),
    later: (work) => {
      due = work;
      return () => (due = undefined);
    },
  });
  return { events, views, isDue: () => due !== undefined, pass: () => due?.() };
};

describe("EventList", () => {
  it("says at once that it listens", () => {
    const { events, views } = started();
    events.listening();
    expect(views).toEqual([{ status: "listening", received: 0, newestFirst: [] }]);
  });

  it("shows all that came since, newest first, in one go", () => {
    const { events, views, pass } = started();
    for (const event of ["a", "b", "c"]) events.add(event);
    expect(views).toEqual([]);
    pass();
    expect(views).toEqual([{ status: "listening", received: 3, newestFirst: ["c", "b", "a"] }]);
    events.add("d");
    pass();
    expect(views[1]).toEqual({ status: "listening", received: 4, newestFirst: ["d", "c", "b", "a"] });
  });

  it("keeps the newest 200 of a flood, and counts the rest", () => {
    const { events, views, pass } = started();
    for (let i = 0; i < 10_000; i++) events.add(i);
    pass();
    expect(views).toHaveLength(1);
    expect(views[0]?.received).toBe(10_000);
    expect(views[0]?.newestFirst).toHaveLength(200);
    expect(views[0]?.newestFirst[199]).toBe(9_800);
  });

  it("shows what has come when it ends, and why", () => {
    const { events, views, isDue } = started();
    events.add("a");
    events.end("connection closed (4403: Forbidden)");
    expect(views).toEqual([{ status: "ended: connection closed (4403: Forbidden)", received: 1, newestFirst: ["a"] }]);
    expect(isDue()).toBe(false);
  });

  it("shows nothing more once it has ended", () => {
    const { events, views, pass } = started();
    events.end("you stopped it");
    events.add("late");
    pass();
    events.listening();
    events.end("the server has no more");
    expect(views).toEqual([{ status: "ended: you stopped it", received: 0, newestFirst: [] }]);
  });

  it("does not change a view that it has handed out", () => {
    const { events, views, pass } = started();
    events.add("a");
    pass();
    events.add("b");
    pass();
    expect(views[0]?.newestFirst).toEqual(["a"]);
  });
});
