import { request } from "node:http";
import { connect } from "node:net";
import { Backoff } from "../lib/backoff.js";
import type { Clock } from "../lib/clock.js";

/** Where the server of an image listens. */
export interface ImageAddress {
  readonly host: string;
  readonly port: number;
}

export interface ImageAnswer {
  readonly status: number;
  readonly contentType: string;
  /** The first 64 KiB. */
  readonly text: string;
}

export interface ImageCall {
  readonly path: string;
  /** Null: an empty body. */
  readonly json: object | null;
}

const maxAnswerCharacters = 64 * 1024;
const connectTimeoutMs = 1_000;
const firstRetryMs = 25;
const lastRetryMs = 500;

/** Whether the server takes connections: Fission's images have no health route on their port. */
export function isListening({ host, port }: ImageAddress): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: connectTimeoutMs });
    const settle = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => settle(true));
    socket.once("error", () => settle(false));
    socket.once("timeout", () => settle(false));
  });
}

/** Resolves when the server takes connections; rejects with the signal's reason. */
export async function untilListening(address: ImageAddress, clock: Clock, signal: AbortSignal): Promise<void> {
  const backoff = new Backoff(firstRetryMs, lastRetryMs);
  while (!(await isListening(address))) await pause(backoff, clock, signal);
}

/**
 * Sends the request once a connection is made: only a refused connection is tried again, because anything else may have
 * reached the server. Rejects with the signal's reason when that aborts, and with what broke the connection.
 */
export async function callImage(
  address: ImageAddress,
  call: ImageCall,
  { clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal },
): Promise<ImageAnswer> {
  const backoff = new Backoff(firstRetryMs, lastRetryMs);
  for (;;) {
    try {
      return await post(address, call, signal);
    } catch (error) {
      if (!wasRefused(error)) throw error;
      await pause(backoff, clock, signal);
    }
  }
}

function wasRefused(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === "ECONNREFUSED" && syscall === "connect";
}

function pause(backoff: Backoff, clock: Clock, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const aborted = (): void => {
      timer.stop();
      reject(signal.reason as Error);
    };
    const timer = clock.after(backoff.fail(clock.monotonicMs()), () => {
      signal.removeEventListener("abort", aborted);
      resolve();
    });
    signal.addEventListener("abort", aborted, { once: true });
  });
}

function post({ host, port }: ImageAddress, { path, json }: ImageCall, signal: AbortSignal): Promise<ImageAnswer> {
  const body = json === null ? "" : JSON.stringify(json);
  const headers = {
    "content-type": json === null ? "text/plain" : "application/json",
    "content-length": Buffer.byteLength(body),
  };
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const fail = (error: Error): void => reject(signal.aborted ? (signal.reason as Error) : error);
    const call = request({ agent: false, host, port, method: "POST", path, headers, signal }, (response) => {
      const { statusCode = 0, headers: answered } = response;
      let text = "";
      response.setEncoding("utf8").on("error", fail);
      response.on("data", (chunk: string) => {
        if (text.length < maxAnswerCharacters) text += chunk.slice(0, maxAnswerCharacters - text.length);
      });
      response.on("end", () => resolve({ status: statusCode, contentType: answered["content-type"] ?? "", text }));
    });
    call.on("error", fail);
    call.end(body);
  });
}
