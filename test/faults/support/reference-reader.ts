/**
 * What a client has said, as RFC 9112 has it read; and nothing read at all from where two readers could disagree. A router
 * may refuse more than this does, but must hand on nothing that is not read here.
 */
export interface ReadRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly body: string;
}

export interface Reading {
  readonly requests: readonly ReadRequest[];
  /**
   * WHOLE: the last request is complete. CUT: more is to come. REFUSED: what comes next is no request, or could be read in
   * two ways. LAST: nothing is read behind a request that asks for the connection's end, or for another protocol.
   */
  readonly end: "WHOLE" | "CUT" | "REFUSED" | "LAST";
  /** How many of them are answered, unless one is refused before; the rest comes behind a LAST one. */
  readonly due: number;
}

class Refused extends Error {}
class Cut extends Error {}

type Headers = ReadonlyMap<string, readonly string[]>;

export function readAsReference(bytes: Buffer): Reading {
  const text = bytes.toString("latin1");
  const requests: ReadRequest[] = [];
  let due: number | undefined;
  let at = 0;
  const end = (kind: Reading["end"]): Reading => ({
    requests,
    end: due === undefined ? kind : "LAST",
    due: due ?? requests.length,
  });
  try {
    for (;;) {
      while (text[at] === "\r" || text[at] === "\n") at++;
      if (at >= text.length) return end("WHOLE");
      const head = readHead(text, at);
      const { body, next } = readBody(text, head.next, head);
      requests.push({ method: head.method, target: originForm(head.target), body });
      if (head.isLast) due ??= requests.length;
      at = next;
    }
  } catch (error) {
    if (error instanceof Refused) return end("REFUSED");
    if (error instanceof Cut) return end("CUT");
    throw error;
  }
}

interface Head {
  readonly method: string;
  readonly target: string;
  readonly isOld: boolean;
  readonly headers: Headers;
  readonly isLast: boolean;
  readonly next: number;
}

function readHead(text: string, from: number): Head {
  refuseOldLine(text, from);
  const [line, afterLine] = readLine(text, from);
  const [, method = "", target = "", version] =
    /^([!#$%&'*+.^_`|~\w-]+) +(\S+)(?: +HTTP\/(\d\.\d))?$/.exec(line) ?? refuse();
  const [headers, next] = readHeaders(text, afterLine);
  // Nobody need notice before the head's end.
  if (version !== "1.1" && version !== "1.0") refuse();
  const connection = (headers.get("connection") ?? []).flatMap((value) => value.toLowerCase().split(/[ \t]*,[ \t]*/));
  const isOld = version === "1.0";
  const closes = isOld ? !connection.includes("keep-alive") : connection.includes("close");
  const isLast = closes || method === "CONNECT" || (connection.includes("upgrade") && asksForWebSocket(headers));
  return { method, target, isOld, headers, isLast, next };
}

/** Nothing else that may be asked for makes a difference. */
const asksForWebSocket = (headers: Headers): boolean => /^websocket$/i.test(headers.get("upgrade")?.join() ?? "");

/** A line as of HTTP/0.9, which has no version, may end in a bare LF; nobody need notice before the head's end. */
function refuseOldLine(text: string, from: number): void {
  const line = /[!#$%&'*+.^_`|~\w-]+ +[^\s]+\n/y;
  line.lastIndex = from;
  if (!line.test(text)) return;
  readHeaders(text, line.lastIndex);
  refuse();
}

/** A line, and where the next one begins. */
function readLine(text: string, from: number): [string, number] {
  const end = text.slice(from).search(/[\r\n]/);
  if (end === -1 || (text[from + end] === "\r" && from + end + 1 === text.length)) throw new Cut();
  if (!text.startsWith("\r\n", from + end)) refuse();
  return [text.slice(from, from + end), from + end + 2];
}

function readHeaders(text: string, from: number): [Headers, number] {
  const headers = new Map<string, string[]>();
  for (let at = from; ;) {
    const [line, next] = readLine(text, at);
    if (line === "") return [headers, next];
    const [, name = "", value = ""] = /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? refuse();
    headers.set(name.toLowerCase(), [...(headers.get(name.toLowerCase()) ?? []), value]);
    at = next;
  }
}

function readBody(text: string, from: number, { headers, isOld }: Head): { body: string; next: number } {
  const codings = headers.get("transfer-encoding");
  const lengths = headers.get("content-length");
  if (codings !== undefined) {
    if (lengths !== undefined || isOld || codings.length > 1 || codings[0]?.toLowerCase() !== "chunked") refuse();
    return readChunks(text, from);
  }
  if (lengths === undefined) return { body: "", next: from };
  if (lengths.length > 1 || !/^\d+$/.test(lengths[0] ?? "")) refuse();
  const next = from + Number(lengths[0]);
  if (next > text.length) throw new Cut();
  return { body: text.slice(from, next), next };
}

function readChunks(text: string, from: number): { body: string; next: number } {
  let body = "";
  for (let at = from; ;) {
    const [line, start] = readLine(text, at);
    const [, digits = ""] = /^([\da-fA-F]+)[ \t]*(;.*)?$/s.exec(line) ?? refuse();
    const size = parseInt(digits, 16);
    if (size === 0) return { body, next: readHeaders(text, start)[1] };
    body += text.slice(start, start + size);
    at = start + size + 2;
    if (start + size > text.length) throw new Cut();
    if (!"\r\n".startsWith(text.slice(start + size, at))) refuse();
    if (at > text.length) throw new Cut();
  }
}

/** Of a whole URL only what is behind the host goes on. */
function originForm(target: string): string {
  const [, rest] = /^https?:\/\/[^/?#]*(.*)$/i.exec(target) ?? [];
  if (rest === undefined) return target;
  return rest.startsWith("/") ? rest : `/${rest}`;
}

function refuse(): never {
  throw new Refused();
}
