/** A kept connection and as much of HTTP as a small answer needs: what a generator itself costs is in what it measures. */
import { once } from "node:events";
import net from "node:net";

const headEnd = "\r\n\r\n";
const lastChunk = "0\r\n\r\n";

export class PlainConnection {
  #socket;
  #received = "";
  #settle;

  static async open(host, port) {
    const socket = net.connect({ host, port: Number(port), noDelay: true });
    await once(socket, "connect");
    return new PlainConnection(socket);
  }

  constructor(socket) {
    this.#socket = socket.setEncoding("latin1");
    socket.on("data", (text) => this.#take(text));
    socket.on("error", (error) => this.#settle?.reject(error));
    socket.on("close", () => this.#settle?.reject(new Error("the connection was closed")));
  }

  /** One at a time. Resolves with the status, and Fermi's reason for one that is not 200, when the whole answer is there. */
  exchange(request) {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
      if (this.#socket.destroyed) reject(new Error("the connection was closed"));
      else this.#socket.write(request);
    });
  }

  #take(text) {
    this.#received += text;
    const end = this.#received.indexOf(headEnd);
    if (end < 0 || !this.#isWhole(end)) return;
    const status = Number(this.#received.slice(9, 12));
    const reason = status === 200 ? "" : (/\r\nx-fermi-error: (\w+)/i.exec(this.#received)?.[1] ?? "");
    this.#received = "";
    this.#settle?.resolve({ status, reason });
  }

  #isWhole(end) {
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, end));
    return length === null
      ? this.#received.endsWith(lastChunk)
      : this.#received.length >= end + headEnd.length + Number(length[1]);
  }
}
