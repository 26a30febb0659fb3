import { describe, expect, it } from "@jest/globals";
import { MemoryArea, PlaygroundStorage } from "../../web/src/storage.js";

const opened = () => {
  const local = new MemoryArea();
  const session = new MemoryArea();
  return { local, session, storage: new PlaygroundStorage(local, session) };
};

describe("PlaygroundStorage", () => {
  it("keeps settings in the browser", () => {
    const { local, storage } = opened();
    storage.setItem("graphiql:theme", "dark");
    expect(local.getItem("graphiql:theme")).toBe("dark");
    expect(storage.getItem("graphiql:theme")).toBe("dark");
  });

  it.each(["graphiql:tabState", "graphiql:query", "graphiql:variables"])("keeps %s as long as the tab", (key) => {
    const { local, session, storage } = opened();
    storage.setItem(key, "text");
    expect([session.getItem(key), local.length, storage.getItem(key)]).toEqual(["text", 0, "text"]);
    storage.removeItem(key);
    expect(session.length).toBe(0);
  });

  it("keeps headers nowhere", () => {
    const { local, session, storage } = opened();
    storage.setItem("graphiql:headers", '{"authorization":"Bearer s3cret"}');
    expect([local.length, session.length]).toEqual([0, 0]);
  });

  it.each(["queries", "favorites"])("keeps the history's %s without headers", (name) => {
    const { local, storage } = opened();
    storage.setItem(`graphiql:${name}`, JSON.stringify({ [name]: [{ query: "{ a }", headers: "s3cret" }] }));
    expect(local.getItem(`graphiql:${name}`)).toBe(JSON.stringify({ [name]: [{ query: "{ a }" }] }));
  });

  it("counts and clears both places", () => {
    const { storage } = opened();
    storage.setItem("graphiql:theme", "dark");
    storage.setItem("graphiql:query", "{ a }");
    expect(storage.length).toBe(2);
    storage.clear();
    expect(storage.length).toBe(0);
  });
});
