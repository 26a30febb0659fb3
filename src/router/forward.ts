import type { Clock } from "../lib/clock.js";
import type { HttpCall } from "./call.js";
import { Exchange, type Outcome } from "./exchange.js";
import { functionHeaders, functionPath } from "./function-headers.js";
import type { InstanceRequest } from "./instance-connection.js";
import type { Lease } from "./target-slots.js";
import type { TokenHandout } from "./token-handout.js";
import type { Upload } from "./upload.js";
import { toAppError } from "./write-error.js";

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
  /** How long a client may take nothing of an answer that is there for it. */
  readonly unreadMs: number;
  readonly tokens: TokenHandout;
}

/** An attempt: the request goes to the lease's instance, and its answer to the client. `done` is called once. */
export interface Forwarding {
  readonly http: HttpCall;
  readonly lease: Lease;
  readonly body: RequestBody;
  readonly done: (outcome: Outcome) => void;
}

export function forward(forwarding: Forwarding, options: ForwardOptions): void {
  let exchange: Exchange;
  try {
    exchange = makeExchange(forwarding, options);
  } catch (error) {
    // Nothing was taken but the slot, which is given back with this.
    return forwarding.done({ type: "FAILED", error: toAppError(error) });
  }
  exchange.begin();
}

const makeExchange = ({ http, lease, body, done }: Forwarding, options: ForwardOptions): Exchange =>
  new Exchange({
    clock: options.clock,
    mustClose: options.mustClose,
    isStopping: options.isStopping,
    unreadMs: options.unreadMs,
    http,
    upload: body.type === "STREAM" ? body.upload : null,
    isFermiRuntime: lease.instance.contract === "FERMI",
    connections: lease.slots.connections,
    request: instanceRequest(http, lease, body, options.tokens),
    done,
  });

function instanceRequest({ call }: HttpCall, lease: Lease, body: RequestBody, tokens: TokenHandout): InstanceRequest {
  const { instance } = lease;
  const { method, headers } = call.plan;
  let head = `${method} ${functionPath(call, instance)} HTTP/1.1\r\n`;
  for (const lines of headers) head += lines.text;
  for (const lines of functionHeaders(call, instance)) head += lines.text;
  head += tokens.headersFor(call.callee.fn, instance)?.text ?? "";
  head += `connection: keep-alive\r\n${framing(method, body)}\r\n`;
  return { method, head, body: bodyToSend(body), isChunked: body.type === "STREAM" && body.contentLength === null };
}

/** Methods with which servers expect a body, or to be told that there is none. */
const withBody = new Set(["POST", "PUT", "PATCH"]);

function framing(method: string, body: RequestBody): string {
  switch (body.type) {
    case "NONE":
      return body.announcesLength || withBody.has(method) ? "content-length: 0\r\n" : "";
    case "WHOLE":
      return `content-length: ${body.bytes.length}\r\n`;
    case "STREAM":
      return body.contentLength === null
        ? "transfer-encoding: chunked\r\n"
        : `content-length: ${body.contentLength}\r\n`;
  }
}

function bodyToSend(body: RequestBody): InstanceRequest["body"] {
  if (body.type === "NONE") return null;
  return body.type === "WHOLE" ? body.bytes : () => body.upload.open();
}
