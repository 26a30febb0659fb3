/** A POST and its whole answer. Unlike fetch, which gives up after five minutes, it waits for as long as it is let. */
import { request as requestPlain } from "node:http";
import { request as requestOverTls } from "node:https";
import { text } from "node:stream/consumers";

export interface HttpAnswer {
  readonly status: number;
  /** Where a redirect leads to. */
  readonly location: string | undefined;
  readonly text: string;
}

/** How long a connection may be quiet before it is probed: routers in between forget one on which nothing passes. */
const probeAfterMs = 20_000;

export function post(
  url: string,
  headers: Readonly<Record<string, string>>,
  body: string,
  signal: AbortSignal | undefined,
): Promise<HttpAnswer> {
  const request = url.startsWith("https:") ? requestOverTls : requestPlain;
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers, signal });
    sent.on("socket", (socket) => socket.setKeepAlive(true, probeAfterMs));
    sent.on("error", reject);
    sent.on("response", (response) => {
      const { statusCode: status = 0, headers: told } = response;
      text(response).then((read) => resolve({ status, location: told.location, text: read }), reject);
    });
    sent.end(body);
  });
}
