import { describe, expect, it, jest } from "@jest/globals";
import fc from "fast-check";
import type { HttpTrigger } from "../../../src/model/trigger.js";
import { match } from "../../../src/router/match.js";
import { buildRouteTable } from "../../../src/router/route-table.js";
import { aFunction, aTrigger } from "../../router/support/route-builders.js";

const table = (...triggers: HttpTrigger[]) => buildRouteTable({ functions: [aFunction("hello")], triggers });
const of = (...paths: string[]) => table(...paths.map((path) => aTrigger(path)));

function take(routes: ReturnType<typeof table>, path: string, { method = "GET", host = "any.example" } = {}): unknown {
  const found = match(routes, { method, host, path });
  if (found.type === "FOUND") return [found.route.trigger.path, ...found.values];
  return found.type === "WRONG_METHOD" ? found.allow : undefined;
}

describe("match", () => {
  it("takes a path as it is: a final slash, a double slash, dots and percent signs make another one", () => {
    const routes = of("/users", "/a//b", "/caf%C3%A9");
    expect(take(routes, "/users")).toEqual(["/users"]);
    for (const path of ["/users/", "//users", "/Users", "/a/b", "/x/../users", "/cafe", "/"])
      expect(take(routes, path)).toBeUndefined();
    expect(take(routes, "/a//b")).toEqual(["/a//b"]);
  });

  it("reads letters outside ASCII in a trigger as clients send them", () => {
    expect(take(of("/café"), "/caf%C3%A9")).toEqual(["/café"]);
  });

  it("takes escapes in either letter case, and values as they were sent", () => {
    for (const route of ["/caf%C3%A9", "/caf%c3%a9", "/café"])
      for (const path of ["/caf%C3%A9", "/caf%c3%A9"]) expect(take(of(route), path)).toEqual([route]);
    expect(take(of("/%c3%a9/{id}"), "/%C3%a9/a%2fb%zz")).toEqual(["/%c3%a9/{id}", "a%2fb%zz"]);
    expect(take(of("/%c3%a9/*"), "/%C3%A9/x")).toEqual(["/%c3%a9/*"]);
    expect(take(of("/%c3%a9"), "/%C3%A9", { method: "PATCH" })).not.toBeUndefined();
  });

  it("takes a parameter for one segment that is not empty", () => {
    const routes = of("/users/{id}/posts/{post}");
    expect(take(routes, "/users/a%2Fb/posts/2")).toEqual(["/users/{id}/posts/{post}", "a%2Fb", "2"]);
    for (const path of ["/users//posts/2", "/users/1/posts/", "/users/1/posts", "/users/1/posts/2/"])
      expect(take(routes, path)).toBeUndefined();
  });

  it("takes a subtree with all that is below, and its root with and without a slash", () => {
    const routes = of("/x/*");
    for (const path of ["/x", "/x/", "/x/a", "/x/a/../b//c"]) expect(take(routes, path)).toEqual(["/x/*"]);
    for (const path of ["/", "/xy", "/y/x"]) expect(take(routes, path)).toBeUndefined();
    expect(take(of("/*"), "/")).toEqual(["/*"]);
  });

  it("prefers exact to template to subtree", () => {
    const routes = of("/a/*", "/a/{id}", "/a/b");
    expect(take(routes, "/a/b")).toEqual(["/a/b"]);
    expect(take(routes, "/a/c")).toEqual(["/a/{id}", "c"]);
    expect(take(routes, "/a/c/d")).toEqual(["/a/*"]);
  });

  it("prefers literals to parameters from left to right, and turns back where they lead nowhere", () => {
    const routes = of("/{a}/x/{c}", "/p/{b}/{c}", "/p/{b}/y", "/p/q/z");
    expect(take(routes, "/p/x/1")).toEqual(["/p/{b}/{c}", "x", "1"]);
    expect(take(routes, "/p/q/y")).toEqual(["/p/{b}/y", "q"]);
    expect(take(routes, "/o/x/1")).toEqual(["/{a}/x/{c}", "o", "1"]);
    expect(take(of("/p/q/r", "/{a}/q/s"), "/p/q/s")).toEqual(["/{a}/q/s", "p"]);
  });

  it("prefers the longest subtree, parameters in it included", () => {
    const routes = of("/*", "/a/*", "/{x}/b/*", "/a/b/*");
    expect(take(routes, "/a/b/c")).toEqual(["/a/b/*"]);
    expect(take(routes, "/z/b/c")).toEqual(["/{x}/b/*", "z"]);
    expect(take(routes, "/a/c")).toEqual(["/a/*"]);
    expect(take(routes, "/z/c")).toEqual(["/*"]);
  });

  it("prefers a named host, in any spelling, with any port, but only where path and method fit", () => {
    const routes = table(
      aTrigger("/*", { host: "Shop.example" }),
      aTrigger("/a"),
      aTrigger("/b", { methods: ["POST"] }),
    );
    for (const host of ["shop.example", "SHOP.example:8080", "shop.example."])
      expect(take(routes, "/a", { host })).toEqual(["/*"]);
    expect(take(routes, "/a")).toEqual(["/a"]);
    expect(take(routes, "/b", { host: "shop.example", method: "POST" })).toEqual(["/b"]);
    expect(take(routes, "/c", { host: "other.example" })).toBeUndefined();
    expect(match(routes, { method: "GET", host: undefined, path: "/a" }).type).toBe("FOUND");
  });

  it("looks at all triggers of a path for a method, and names what there is when none has it", () => {
    const routes = table(
      aTrigger("/a/b", { methods: ["GET"] }),
      aTrigger("/a/{id}", { methods: ["PUT"] }),
      aTrigger("/a/*", { methods: ["POST"] }),
      aTrigger("/a/*", { methods: ["PATCH"], host: "shop.example" }),
    );
    expect(take(routes, "/a/b", { method: "POST" })).toEqual(["/a/*"]);
    expect(take(routes, "/a/b", { method: "DELETE" })).toEqual(["GET", "HEAD", "POST", "PUT"]);
    expect(take(routes, "/a/b", { method: "DELETE", host: "shop.example" })).toEqual([
      "GET",
      "HEAD",
      "PATCH",
      "POST",
      "PUT",
    ]);
  });

  it("lets HEAD follow GET unless a trigger of the same path names it", () => {
    expect(take(of("/a"), "/a", { method: "HEAD" })).toEqual(["/a"]);
    const routes = table(aTrigger("/{a}", { methods: ["GET"] }), aTrigger("/{b}", { methods: ["HEAD"] }));
    expect(take(routes, "/a", { method: "HEAD" })).toEqual(["/{b}", "a"]);
    expect(take(table(aTrigger("/a", { methods: ["POST"] })), "/a", { method: "HEAD" })).toEqual(["POST"]);
  });

  it("leaves out disabled triggers and those of unknown functions, and serves the older of two equal ones", () => {
    const older = aTrigger("/a", { id: "older", createdAt: new Date(1) });
    const newer = aTrigger("/a", { id: "newer", createdAt: new Date(2) });
    const found = match(table(newer, older), { method: "GET", host: undefined, path: "/a" });
    expect(found.type === "FOUND" && found.route.trigger.id).toBe("older");
    expect(take(table(aTrigger("/a", { enabled: false })), "/a")).toBeUndefined();
    expect(take(table(aTrigger("/a", { functionId: "nobody" })), "/a")).toBeUndefined();
  });

  it("agrees with a search that compares every trigger", () => {
    const segment = fc.constantFrom("a", "b", "{p}", "{q}");
    const pattern = fc.tuple(fc.array(segment, { minLength: 1, maxLength: 4 }), fc.boolean());
    const path = fc.array(fc.constantFrom("a", "b", "c", ""), { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(fc.array(pattern, { maxLength: 8 }), path, (patterns, segments) => {
        const triggers = patterns.map(([parts, isSubtree], i) =>
          aTrigger(`/${parts.join("/")}${isSubtree ? "/*" : ""}`, { id: String(i), createdAt: new Date(i) }),
        );
        const requested = `/${segments.join("/")}`;
        const found = match(table(...triggers), { method: "GET", host: undefined, path: requested });
        expect(found.type === "FOUND" ? found.route.trigger.id : undefined).toBe(bySearch(triggers, requested)?.id);
      }),
    );
  });

  it("looks at no more with 10,000 routes than with 10", () => {
    const many = (count: number) => of(...Array.from({ length: count }, (_, i) => `/service-${i}/{id}/items`));
    const lookUps = (count: number): number => {
      const routes = many(count);
      const get = jest.spyOn(Map.prototype, "get");
      try {
        match(routes, { method: "GET", host: undefined, path: `/service-${count - 1}/5/items` });
        return get.mock.calls.length;
      } finally {
        get.mockRestore();
      }
    };
    expect(lookUps(10)).toBeGreaterThan(3);
    expect(lookUps(10_000)).toBe(lookUps(10));
  });
});

/** The rules, written down as an order of candidates. */
function bySearch(triggers: readonly HttpTrigger[], path: string): HttpTrigger | undefined {
  const segments = path.slice(1).split("/");
  const rank = (trigger: HttpTrigger): string | undefined => {
    const isSubtree = trigger.path.endsWith("/*");
    const parts = trigger.path
      .slice(1)
      .split("/")
      .slice(0, isSubtree ? -1 : undefined);
    const isLong = isSubtree ? segments.length >= parts.length : segments.length === parts.length;
    const fits = parts.every((part, i) => (part.startsWith("{") ? segments[i] !== "" : part === segments[i]));
    if (!isLong || !fits) return undefined;
    const kinds = parts.map((part) => (part.startsWith("{") ? "1" : "0")).join("");
    const group = isSubtree ? 2 : kinds.includes("1") ? 1 : 0;
    return `${group}${isSubtree ? 9 - parts.length : 0}${kinds.padEnd(9, "0")}`;
  };
  const ranked = triggers.flatMap((trigger, i) => {
    const key = rank(trigger);
    return key === undefined ? [] : [{ key: `${key}${String(i).padStart(3, "0")}`, trigger }];
  });
  return ranked.sort((a, b) => (a.key < b.key ? -1 : 1))[0]?.trigger;
}
