import type { MiddlewareFn } from "type-graphql";

/** Where GraphQL's Int ends: a number beyond it would fail the whole answer. */
const intMax = 2 ** 31 - 1;

/** For counts and sizes that may grow beyond it; their descriptions end in `atMost`. */
export const saturated: MiddlewareFn = async (_field, next) => {
  const value: unknown = await next();
  return typeof value === "number" ? Math.min(value, intMax) : value;
};

export const atMost = `${intMax} stands for that and more.`;
