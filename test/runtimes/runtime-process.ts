import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request, type IncomingHttpHeaders } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import type { SpecializeRequest } from "../../src/cluster/cluster-driver.js";
import { logTag } from "../../src/lib/log-tag.js";
import { newId } from "../../src/lib/new-id.js";
import { describeUnless } from "../support/unless.js";

const environments = fileURLToPath(new URL("../../environments", import.meta.url));
const patienceMs = 15_000;

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

export const nodejs: Command = {
  program: process.execPath,
  args: [path.join(environments, "nodejs", "server.js")],
};

const realPython = spawnSync("python3", ["-I", "-c", "import sys; print(sys.executable)"], { encoding: "utf8" });
export const python: Command = {
  program: realPython.status === 0 ? realPython.stdout.trim() : "",
  args: ["-I", "-B", path.join(environments, "python", "server.py")],
};
const hasPython = realPython.status === 0;
const hasFlask = hasPython && spawnSync(python.program, ["-I", "-c", "import flask"]).status === 0;
export const describePython = describeUnless(hasPython ? undefined : "there is no python3");
export const describeFlask = describeUnless(
  hasFlask ? undefined : "there is no Flask (Debian has it as python3-flask)",
);

export interface LogLine {
  readonly t: number;
  readonly s: string;
  readonly i?: string;
  readonly g?: string;
  readonly m: string;
}

export interface Answer {
  readonly status: number;
  readonly statusText: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly invocationId: string;
}

export interface CallOptions {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer;
  /** Null: none is sent. */
  readonly key?: string | null;
}

/** A runtime as a process of its own, spoken to over HTTP as the driver and the router do. */
export class RuntimeProcess {
  readonly key = randomBytes(8).toString("hex");
  readonly home = mkdtempSync(path.join(tmpdir(), "fermi-runtime-"));
  readonly lines: string[] = [];
  stderr = "";
  port = 0;
  readonly exited: Promise<number | string | null>;
  readonly process: ChildProcess;
  readonly #checks = new Set<() => void>();

  private constructor({ program, args }: Command, more: readonly string[]) {
    this.process = spawn(program, [...args, "--ready-fd", "3", "--exit-with-stdin", ...more], {
      cwd: this.home,
      env: { PATH: process.env["PATH"], HOME: this.home, LANG: "C.UTF-8", PORT: "0" },
      stdio: ["pipe", "pipe", "pipe", "pipe"],
    });
    let partial = "";
    this.process.stdout!.setEncoding("utf8").on("data", (chunk: string) => {
      const lines = (partial + chunk).split("\n");
      partial = lines.pop()!;
      this.lines.push(...lines);
      for (const check of this.#checks) check();
    });
    this.process.stderr!.on("data", (chunk: Buffer) => (this.stderr += chunk.toString()));
    this.exited = new Promise((resolve) => this.process.once("close", (code, signal) => resolve(code ?? signal)));
  }

  static async start(command: Command, ...more: string[]): Promise<RuntimeProcess> {
    const runtime = new RuntimeProcess(command, more);
    const announced = new Promise<string>((resolve, reject) => {
      (runtime.process.stdio[3] as Readable).once("data", (data: Buffer) => resolve(data.toString()));
      void runtime.exited.then(() => reject(new Error(`the runtime ended: ${runtime.stderr}`)));
    });
    runtime.port = (JSON.parse(await announced) as { port: number }).port;
    return runtime;
  }

  /** A runtime that serves the source already. */
  static async serving(
    command: Command,
    source: string,
    change: Partial<SpecializeRequest> = {},
  ): Promise<RuntimeProcess> {
    const runtime = await RuntimeProcess.start(command);
    const answer = await runtime.specialize(source, change);
    if (answer.status !== 200) {
      await runtime.stop();
      throw new Error(`not specialized: ${answer.body}`);
    }
    return runtime;
  }

  specialize(source: string, change: Partial<SpecializeRequest> = {}): Promise<Answer> {
    const body: SpecializeRequest = {
      function: { id: "the-function", name: "hello", namespace: "default" },
      version: 3,
      entrypoint: null,
      variables: [],
      requestsPerInstance: 10,
      key: this.key,
      code: { source, sha256: "" },
      ...change,
    };
    return this.call({ method: "POST", path: "/specialize", body: JSON.stringify(body), key: null });
  }

  async call(options: CallOptions = {}): Promise<Answer> {
    const invocationId = newId();
    const { method = "GET", path: target = "/", body } = options;
    const headers = this.headers(invocationId, options);
    return new Promise((resolve, reject) => {
      const call = request(
        { port: this.port, host: "127.0.0.1", method, path: target, headers, agent: false },
        (response) => {
          let text = "";
          response.setEncoding("utf8").on("error", reject);
          response.on("data", (chunk: string) => (text += chunk));
          response.on("end", () => {
            const { statusCode, statusMessage, headers } = response;
            resolve({ status: statusCode!, statusText: statusMessage!, headers, body: text, invocationId });
          });
        },
      );
      call.on("error", reject).end(body);
    });
  }

  /** Makes a file in the function's folder. */
  touch(name: string): void {
    writeFileSync(path.join(this.home, name), "");
  }

  headers(invocationId: string, { key = this.key, headers = {} }: CallOptions = {}): Record<string, string | string[]> {
    const own = { "x-fermi-invocation-id": invocationId, "x-fermi-log-tag": logTag(this.key, invocationId) };
    return { ...own, ...(key === null ? {} : { "x-fermi-key": key }), ...headers };
  }

  /** A bare connection, for what an HTTP client would not send. */
  connect(): Socket {
    return connect(this.port, "127.0.0.1");
  }

  get logs(): LogLine[] {
    return this.lines.map((line) => JSON.parse(line) as LogLine);
  }

  /** The messages printed for one invocation so far. */
  messagesOf(invocationId: string): string[] {
    return this.logs.filter(({ i }) => i === invocationId).map(({ m }) => m);
  }

  /** Resolves with the first log line that has the text in it. */
  async logged(text: string): Promise<LogLine> {
    const find = (): LogLine | undefined => this.logs.find(({ m }) => m.includes(text));
    return this.until(`a log line with ${text}`, find);
  }

  async until<T>(what: string, find: () => T | undefined): Promise<T> {
    const found = find();
    if (found !== undefined) return found;
    return new Promise((resolve, reject) => {
      const check = (): void => {
        const now = find();
        if (now === undefined) return;
        clearTimeout(deadline);
        this.#checks.delete(check);
        resolve(now);
      };
      const deadline = setTimeout(
        () => reject(new Error(`waited in vain for ${what}: ${this.lines.join("\n")}`)),
        patienceMs,
      );
      this.#checks.add(check);
    });
  }

  async stop(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.exited;
    rmSync(this.home, { recursive: true, force: true });
  }
}
