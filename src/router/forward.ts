import type { Readable } from "node:stream";
import type { Clock } from "../lib/clock.js";
import type { HttpCall } from "./call.js";
import { Exchange, type Outcome } from "./exchange.js";
import { functionHeaders, functionPath } from "./function-headers.js";
import type { Lease } from "./target-slots.js";
import type { TokenHandout } from "./token-handout.js";
import type { Upload } from "./upload.js";

/** A request's body: none, whole in memory, or a stream whose length is announced or not. */
export type RequestBody =
  | { readonly type: "NONE"; readonly announcesLength: boolean }
  | { readonly type: "WHOLE"; readonly bytes: Buffer }
  | { readonly type: "STREAM"; readonly upload: Upload; readonly contentLength: number | null };

export interface ForwardOptions {
  readonly clock: Clock;
  /** Whether the answer is the last on its connection, so that the client comes back to another router. */
  readonly mustClose: () => boolean;
  readonly isStopping: () => boolean;
  readonly tokens: TokenHandout;
}

/** Sends the request to the lease's instance and its answer to the client. Never rejects; undici's refusals are outcomes. */
export function forward(http: HttpCall, lease: Lease, body: RequestBody, options: ForwardOptions): Promise<Outcome> {
  const { call } = http;
  const { instance, slots } = lease;
  return new Promise((resolve) => {
    const client = slots.connections.take();
    const exchange = new Exchange({
      ...options,
      http,
      upload: body.type === "STREAM" ? body.upload : null,
      isFermiRuntime: instance.contract === "FERMI",
      done: (outcome) => {
        if (outcome.type === "ANSWERED") slots.connections.give(client);
        else slots.connections.discard(client);
        resolve(outcome);
      },
    });
    const headers = functionHeaders(call, instance);
    for (const header of options.tokens.headersFor(call.callee.fn, instance)) headers.push(header);
    for (const header of call.plan.headers) headers.push(header);
    const length = announcedLength(body);
    if (length !== null) headers.push("content-length", length);
    client.dispatch(
      { method: call.plan.method, path: functionPath(call, instance), headers, body: openBody(body) },
      exchange,
    );
  });
}

/** A whole body's length is told by undici itself; so is a chunked stream's framing. */
function announcedLength(body: RequestBody): string | null {
  if (body.type === "NONE") return body.announcesLength ? "0" : null;
  return body.type === "STREAM" && body.contentLength !== null ? String(body.contentLength) : null;
}

function openBody(body: RequestBody): Buffer | Readable | null {
  if (body.type === "NONE") return null;
  return body.type === "WHOLE" ? body.bytes : body.upload.open();
}
