/** A real nats-server with JetStream, on a free port with a folder of its own. */
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import { eventually } from "../support/harness.js";
import { describeUnless } from "../support/unless.js";

const program = ["nats-server", "/usr/sbin/nats-server"].find((name) => spawnSync(name, ["--version"]).status === 0);
export const describeNats = describeUnless(
  program === undefined ? "there is no nats-server (Debian has it as nats-server)" : undefined,
);

export class NatsServer {
  #child: ChildProcess | undefined;
  #folder = "";
  port = 0;

  private constructor(private config: string) {}

  /** `config` is what its file says beside port and folder. */
  static async start(config = "jetstream: enabled"): Promise<NatsServer> {
    const server = new NatsServer(config);
    server.#folder = await mkdtemp(path.join(tmpdir(), "fermi-nats-"));
    server.port = await freePort();
    await server.run();
    return server;
  }

  get url(): string {
    return `nats://127.0.0.1:${this.port}`;
  }

  /** Starts it, again where it was stopped, with what it had; or with another config from now on. */
  async run(config = this.config): Promise<void> {
    this.config = config;
    const file = path.join(this.#folder, "nats.conf");
    const text = `host: 127.0.0.1\nport: ${this.port}\n${this.config.replace("enabled", `{ store_dir: "${this.#folder}" }`)}\n`;
    await writeFile(file, text);
    this.#child = spawn(program ?? "nats-server", ["-c", file], { stdio: "ignore" });
    await eventually(() => reach(this.port));
  }

  /** SIGKILL; the folder stays. */
  async kill(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  }

  /** Of a server that is not running: whatever JetStream kept. */
  async lose(): Promise<void> {
    await rm(path.join(this.#folder, "jetstream"), { recursive: true, force: true, maxRetries: 5 });
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  connect(): Promise<NatsConnection> {
    return connect({ servers: `127.0.0.1:${this.port}` });
  }
}

async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function reach(port: number): Promise<void> {
  const socket = net.connect(port, "127.0.0.1");
  try {
    await once(socket, "data");
  } finally {
    socket.destroy();
  }
}
