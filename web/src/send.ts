import type { FetcherParams } from "@graphiql/toolkit";
import type { Headers } from "./credentials.js";

/** Sends a query or a mutation. An answer that is no JSON (a proxy's error page, say) is told, not thrown as a syntax error. */
export async function send(url: string, params: FetcherParams, headers: Headers): Promise<object> {
  const response = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      accept: "application/graphql-response+json, application/json;q=0.9",
      ...headers,
    },
    body: JSON.stringify(params),
  });
  const text = await response.text();
  try {
    return JSON.parse(text) as object;
  } catch {
    return { errors: [{ message: `The server answered ${response.status} without JSON: ${text.slice(0, 500)}` }] };
  }
}
