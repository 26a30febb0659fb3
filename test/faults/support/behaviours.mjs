/**
 * What the wire runtime does with a request, by the last segment of its path. `atHead` is called when the head is read,
 * `whole` when the body is too.
 */
const head = (status, ...headers) => [`HTTP/1.1 ${status} X`, ...headers, "", ""].join("\r\n");
const withLength = (status, text) => head(status, `Content-Length: ${Buffer.byteLength(text)}`) + text;
const write = (text) => ({ whole: (socket) => socket.write(text, "latin1") });
const chunk = (text) => `${text.length.toString(16)}\r\n${text}\r\n`;

/** One byte at a time: the head quickly enough to count as begun, the body slowly. */
function trickle(socket, [head, body]) {
  let at = 0;
  const next = () => {
    if (at === head.length + body.length || socket.destroyed) return;
    socket.write((head + body)[at++]);
    setTimeout(next, at < head.length ? 5 : 200);
  };
  next();
}

/** Chunks for ever, as fast as they are taken or one each `everyMs`. */
function stream(socket, text, everyMs) {
  socket.write(head(200, "Transfer-Encoding: chunked"));
  if (everyMs === 0) {
    const more = () => {
      while (!socket.destroyed && socket.write(chunk(text)));
      socket.once("drain", more);
    };
    return more();
  }
  socket.write(chunk(text));
  const timer = setInterval(() => socket.write(chunk(text)), everyMs);
  socket.once("close", () => clearInterval(timer));
}

const echo = ({ target, bytes }) => withLength(200, JSON.stringify({ pid: process.pid, target, bytes }));

/** The same, as the last answer on its connection. */
const lastEcho = (request) => echo(request).replace("\r\n", "\r\nConnection: close\r\n");

export const behaviours = {
  /** What was asked, as JSON. */
  ok: { whole: (socket, request) => socket.write(echo(request), "latin1") },

  /** Some 2.6 seconds in all. */
  "byte-by-byte": { whole: (socket) => trickle(socket, [head(200, "Content-Length: 13"), "slow but sure"]) },
  "answers-late": {
    whole: (socket, request, runtime) =>
      setTimeout(() => {
        runtime.note({ event: "answered late" });
        socket.write(echo(request), "latin1");
      }, 300),
  },
  "answers-never": {},
  "ends-never": write(head(200, "Transfer-Encoding: chunked") + chunk("begun")),
  "streams-on": { whole: (socket) => stream(socket, "more", 50) },
  floods: { whole: (socket) => stream(socket, "x".repeat(65_536), 0) },

  "answers-early": { atHead: (socket) => socket.write(withLength(413, "too much for me")) },
  "reads-never": { atHead: (socket) => socket.pause() },
  "reads-nothing-more": {
    whole(socket, request, runtime) {
      socket.end(lastEcho(request), "latin1", () => runtime.stopReading());
    },
  },
  "listens-no-more": {
    whole(socket, request, runtime) {
      runtime.stopListening(socket);
      socket.end(lastEcho(request), "latin1");
    },
  },

  "no-http": write("rubbish\r\n\r\n"),
  "header-without-colon": write("HTTP/1.1 200 OK\r\nno colon\r\nContent-Length: 2\r\n\r\nok"),
  "header-with-control": write("HTTP/1.1 200 OK\r\nA: \x01\r\nContent-Length: 2\r\n\r\nok"),
  "header-with-bare-cr": write("HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c=d\r\nContent-Length: 2\r\n\r\nok"),
  "two-lengths": write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!"),
  "length-and-chunks": write(
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
  ),
  "bad-status": write("HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\nok"),
  "head-of-1-mib": write(`HTTP/1.1 200 OK\r\nA: ${"a".repeat(1024 * 1024)}\r\nContent-Length: 2\r\n\r\nok`),
  "bad-chunk": write(`${head(200, "Transfer-Encoding: chunked")}${chunk("begun")}zz\r\n`),

  longer: write(`${head(200, "Content-Length: 2")}ok${withLength(200, "evil")}`),
  shorter: { whole: (socket) => socket.end(`${head(200, "Content-Length: 100")}short`) },
  "chunks-cut": { whole: (socket) => socket.end(head(200, "Transfer-Encoding: chunked") + chunk("begun")) },
  closes: { whole: (socket) => socket.end() },
  resets: { whole: (socket) => socket.resetAndDestroy() },
  /** A moment after its answer it says more, and nobody has asked. */
  "speaks-unasked": {
    whole(socket, request, runtime) {
      socket.once("close", () => runtime.note({ event: "cut off" }));
      socket.write(echo(request), "latin1", () => setTimeout(() => socket.write(withLength(200, "evil")), 20));
    },
  },
  upgrades: write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"),
  "refuses-upgrade": write(withLength(400, "no upgrade here")),
};
