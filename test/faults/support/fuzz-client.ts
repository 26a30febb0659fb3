import net from "node:net";
import { AnswerReader, type ReadAnswer } from "./answer-reader.js";
import type { FuzzScript } from "./fuzz-script.js";
import type { Reading } from "./reference-reader.js";

/** What became of a script. */
export interface FuzzResult {
  readonly answers: readonly ReadAnswer[];
  /** Bytes that were no whole answer. */
  readonly rest: string;
  /** Whether the server closed the connection, or the client did. */
  readonly closedBy: "SERVER" | "CLIENT" | "NOBODY";
}

/** Shorter than a head may take. Seconds in which this process itself stood still count once. */
const deadlineSeconds = 18;
/** How long a request that never ends is left with the server. */
const lingerMs = 20;

/**
 * Says the script on a connection of its own. Ends when the server has closed it, or when all is answered that is to be
 * answered; a script that leaves its last request open is left by its client then. NOBODY closes what hangs.
 */
export function runScript(port: number, script: FuzzScript, reading: Reading): Promise<FuzzResult> {
  return new Promise((resolve) => {
    const reader = new AnswerReader((answer) => reading.requests[answer]?.method);
    const socket = net.connect({ host: "127.0.0.1", port, noDelay: true });
    const end = (closedBy: FuzzResult["closedBy"]): void => {
      clearInterval(deadline);
      clearTimeout(linger);
      socket.destroy();
      resolve({ answers: reader.answers, rest: reader.rest, closedBy });
    };
    let linger: NodeJS.Timeout | undefined;
    let seconds = 0;
    const deadline = setInterval(() => {
      if (++seconds === deadlineSeconds) end("NOBODY");
    }, 1_000);
    const leave = (): void => {
      if (script.resets) socket.resetAndDestroy();
      else socket.destroy();
      end("CLIENT");
    };
    const look = (): void => {
      if (reader.answers.length < reading.due || linger !== undefined) return;
      if (reading.end === "WHOLE") end("CLIENT");
      if (reading.end === "CUT") linger = setTimeout(leave, lingerMs);
    };
    socket.on("data", (chunk) => {
      reader.push(chunk);
      look();
    });
    socket.on("error", () => {}).on("close", () => end("SERVER"));
    socket.once("connect", () => void say(socket, script).then(look));
  });
}

/** Each part as a packet of its own, as far as the kernel goes along. */
async function say(socket: net.Socket, { bytes, cuts }: FuzzScript): Promise<void> {
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    if (to > from && !socket.destroyed) socket.write(bytes.subarray(from, to));
    from = to;
    if (to < bytes.length) await new Promise(setImmediate);
  }
}
