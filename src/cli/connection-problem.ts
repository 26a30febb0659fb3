/** What is wrong with the way to a server, and what to do about it. */
import { CliError, exitCodes } from "./cli-error.js";
import { SilentServer, type SocketClose } from "./graphql-socket.js";
import type { HttpAnswer } from "./http-post.js";

const unreachable = (message: string, options?: ErrorOptions): CliError =>
  new CliError(exitCodes.unreachable, message, options);

const neverThere = new Set(["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH", "ETIMEDOUT"]);
const brokenOff = new Set(["ECONNRESET", "EPIPE"]);

export function connectionProblem(server: string, error: Error): CliError {
  return unreachable(describe(server, error), { cause: error });
}

function describe(server: string, error: Error): string {
  const { code = "", message } = error as NodeJS.ErrnoException;
  if (error instanceof SilentServer) return `${server} has fallen silent: ${message}; ${again}`;
  if (neverThere.has(code)) return `no server at ${server}; start one with \`npm start\` or pass --server`;
  if (brokenOff.has(code)) return `${lost(server)} before the answer was there; what was asked for may have been done`;
  if (/CERT|SIGNATURE/.test(code)) {
    const trust = "pass --server with the name that it is for, or its authority's file in NODE_EXTRA_CA_CERTS";
    return `the certificate of ${server} is not trusted: ${message.replace(/\.$/, "")}; ${trust}`;
  }
  if (code === "EPROTO" || code.startsWith("ERR_SSL")) return `${server} speaks no TLS; is its address http://…?`;
  return `the connection to ${server} failed: ${message}`;
}

const again = "run the command again";
const lost = (server: string): string => `the connection to ${server} was lost`;

export const noAnswer = (server: string, timeoutMs: number): CliError =>
  unreachable(`no answer from ${server} within ${timeoutMs / 1000} s; is it overloaded?`);

export function noFermi(server: string, { status, location }: HttpAnswer): CliError {
  if (isOfGateway(status)) return gatewayProblem(server, status);
  const next = location === undefined ? "pass its address with --server" : `it sends on to ${location}`;
  return unreachable(`${server} answers, but is no Fermi API (HTTP ${status}); ${next}`);
}

export const noWebSocket = (server: string, { status }: HttpAnswer): CliError =>
  isOfGateway(status)
    ? gatewayProblem(server, status)
    : unreachable(`${server} opens no WebSocket (HTTP ${status}); does a proxy before it pass them on?`);

const isOfGateway = (status: number): boolean => [502, 503, 504].includes(status);

const gatewayProblem = (server: string, status: number): CliError =>
  unreachable(`what answers at ${server} has no API behind it now (HTTP ${status}); try again in a moment`);

export function socketClosed(server: string, { code, reason }: SocketClose): CliError {
  if (reason === "") return unreachable(`${lost(server)}; ${again}`);
  const exitCode = code === 4403 || code === 4401 ? exitCodes.refused : exitCodes.unreachable;
  return new CliError(exitCode, `the server closed the connection: ${reason}`);
}
