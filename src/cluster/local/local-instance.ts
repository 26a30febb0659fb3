import path from "node:path";
import { AppError } from "../../errors/app-error.js";
import type { Clock } from "../../lib/clock.js";
import { newId } from "../../lib/new-id.js";
import { abortReason, orAbort } from "../../lib/or-abort.js";
import type { RuntimeContract } from "../../model/environment.js";
import type { InstanceOutput, SpecializeRequest } from "../cluster-driver.js";
import { OutputAllowance, OutputReader, type OutputBounds } from "../output-reader.js";
import { expectLoaded, RuntimeClient, unusable, type RuntimeAnswer, type RuntimeLink } from "../runtime-client.js";
import { ChildProcess, notStarted } from "./child-process.js";
import type { ChildUser } from "./child-user.js";
import type { MemoryWatch, Watched } from "./memory-watch.js";
import { FissionLink, freePort } from "./fission-link.js";
import { InstanceFolder } from "./instance-folder.js";
import type { Reaper } from "./reaper.js";
import type { Runtime, RuntimeStart } from "./runtimes.js";
import { killStrays } from "./strays.js";

/** What instances of one driver have in common. */
export interface InstanceTools {
  readonly clock: Clock;
  readonly instancesDir: string;
  readonly path: string;
  readonly lang: string;
  readonly user: ChildUser | null;
  readonly reaper: Reaper;
  readonly memory: MemoryWatch;
  readonly outputBounds: OutputBounds;
  readonly startTimeoutMs: number;
  readonly onOutput: (output: InstanceOutput) => void;
}

export interface InstanceSpec {
  readonly environmentId: string;
  readonly contract: RuntimeContract;
  readonly runtime: Runtime;
  readonly memoryLimit: { readonly text: string; readonly bytes: number };
}

/** How long a dead process's last words are waited for. */
const lastWordsMs = 500;
/** Below its reason a dying engine shows where in itself it was, in names that have errors in them. */
const nativeFrame = /^\s*\d+: 0x/;
/** How long a process whose connection broke is watched for its end, which then is the reason. */
const brokenMs = 2_000;

/** One runtime process from its start to its last trace. */
export class LocalInstance implements Watched {
  readonly id = newId();
  readonly environmentId: string;
  readonly memoryLimitBytes: number;
  /** Set when it was asked to end: its end is no surprise then. */
  isEnding = false;
  /** Set when the process has ended, though its traces may still be there. */
  isDead = false;
  /** Resolves when nothing is left of it, with why in words. */
  readonly gone: Promise<string>;
  readonly #folder: InstanceFolder;
  #child: ChildProcess | undefined;
  #link: RuntimeLink | undefined;
  /** Aborts when the process ends. */
  readonly #died = new AbortController();
  #verdict: string | undefined;
  #lastError = "";
  #vanish: (reason: string) => void = () => {};

  constructor(
    private readonly spec: InstanceSpec,
    private readonly tools: InstanceTools,
  ) {
    this.environmentId = spec.environmentId;
    this.memoryLimitBytes = spec.memoryLimit.bytes;
    this.#folder = new InstanceFolder(path.join(tools.instancesDir, this.id), tools);
    this.gone = new Promise((resolve) => (this.#vanish = resolve));
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** Resolves with host:port when the runtime answers requests; rejects with why it does not. */
  async start(onDeath: () => void): Promise<string> {
    const deadline = AbortSignal.timeout(this.tools.startTimeoutMs);
    try {
      await this.#folder.make();
      const link = await orAbort(this.#open(onDeath), deadline);
      this.#link = link;
      await link.ping(AbortSignal.any([deadline, this.#died.signal]));
      return `127.0.0.1:${link.port}`;
    } catch (error) {
      if (deadline.aborted) this.kill(`did not listen within ${this.tools.startTimeoutMs} ms`);
      // One that ended by itself has its own reason.
      else if (!this.isDead) this.kill(error instanceof AppError ? error.message : notStarted(error as Error));
      throw new AppError("CLUSTER_UNAVAILABLE", await this.gone, { cause: error });
    }
  }

  /** Rejects with LOAD_FAILED where the code is at fault, CLUSTER_UNAVAILABLE where the instance is. */
  async specialize(request: SpecializeRequest, signal: AbortSignal): Promise<void> {
    const answer = await this.#post(JSON.stringify(request), signal);
    // Not now: somebody waits for what comes next.
    setImmediate(() => this.#link?.close());
    expectLoaded(answer);
  }

  /** SIGTERM, then SIGKILL after the grace; resolves when it is gone. Why one has died by itself stays the reason. */
  async end(graceMs: number): Promise<void> {
    if (!this.isEnding && !this.isDead) {
      this.isEnding = true;
      this.#child?.signal("SIGTERM");
    }
    const deadline = this.tools.clock.after(graceMs, () => this.kill("was ended by force"));
    await this.gone;
    deadline.stop();
  }

  /** At once. `verdict` is why, in words. */
  kill(verdict: string): void {
    this.#verdict ??= verdict;
    if (this.#child === undefined) void this.#bury(verdict);
    else this.#child.signal("SIGKILL");
  }

  signal(signal: "SIGTERM" | "SIGKILL"): void {
    this.#child?.signal(signal);
  }

  exceeded(): void {
    this.kill(this.#overMemory());
  }

  #overMemory(): string {
    return `used more than its memory limit of ${this.spec.memoryLimit.text}`;
  }

  async #open(onDeath: () => void): Promise<RuntimeLink> {
    const { contract } = this.spec;
    if (contract === "FERMI")
      return new RuntimeClient("127.0.0.1", await this.#spawn({ port: 0, userfunc: "" }, onDeath));
    const { userfunc } = this.#folder;
    await this.#folder.makeUserfunc();
    const port = await this.#spawn({ port: await freePort(), userfunc }, onDeath);
    return new FissionLink({ contract, port, folder: userfunc, clock: this.tools.clock });
  }

  #spawn({ port, userfunc }: Pick<RuntimeStart, "port" | "userfunc">, onDeath: () => void): Promise<number> {
    if (this.isEnding || this.#verdict !== undefined)
      throw new AppError("CLUSTER_UNAVAILABLE", "was ended while it started");
    const { path: searchPath, lang, user, reaper, memory } = this.tools;
    const command = this.spec.runtime.command({ memoryLimitBytes: this.memoryLimitBytes, port, userfunc });
    const variables = port === 0 ? {} : fissionVariables(port, userfunc);
    const child = new ChildProcess({
      ...{ command, home: this.#folder.home, path: searchPath, lang, user },
      listensOn: port,
      variables,
    });
    this.#child = child;
    const read = child.pid === undefined ? Promise.resolve() : this.#readOutput(child);
    if (child.pid !== undefined) {
      reaper.add(child.pid);
      memory.add(this);
    }
    void child.exited.then(async (how) => {
      this.isDead = true;
      this.#died.abort();
      onDeath();
      child.signal("SIGKILL");
      await Promise.race([read, this.#after(lastWordsMs)]);
      await this.#bury(how);
    });
    return child.port;
  }

  /** Removes every trace, once the process has ended. */
  async #bury(how: string): Promise<void> {
    this.isDead = true;
    this.#link?.close();
    this.#child?.release();
    this.tools.memory.remove(this);
    await killStrays(this.#folder.root);
    if (this.#child?.pid !== undefined) this.tools.reaper.remove(this.#child.pid);
    await this.#folder.remove().catch(() => {});
    this.#vanish(this.#verdict ?? (this.#isOutOfHeap() ? this.#overMemory() : this.#withLastError(how)));
  }

  #after(ms: number): Promise<null> {
    return new Promise((resolve) => void this.tools.clock.after(ms, () => resolve(null)));
  }

  #wasAskedToEnd(): boolean {
    return this.isEnding;
  }

  /** By the kernel for want of memory, or by an operator: that says nothing about its code. */
  #wasKilledByOthers(): boolean {
    return this.#verdict === undefined && this.#child?.endedBy === "SIGKILL";
  }

  #isOutOfHeap(): boolean {
    return this.#lastError.includes("heap out of memory");
  }

  #withLastError(how: string): string {
    return this.#lastError === "" || this.isEnding ? how : `${how}: ${this.#lastError}`;
  }

  async #readOutput(child: ChildProcess): Promise<void> {
    const { clock, outputBounds } = this.tools;
    const tell = (stream: InstanceOutput["stream"], text: string): void =>
      this.tools.onOutput({ instanceId: this.id, stream, text, at: clock.now() });
    const allowance = new OutputAllowance(outputBounds, clock, (text) => tell("STDERR", text));
    const bounds = { clock, readBytesPerSecond: outputBounds.readBytesPerSecond };
    const out = new OutputReader(child.stdout, allowance, bounds, (text) => tell("STDOUT", text));
    const err = new OutputReader(child.stderr, allowance, bounds, (text) => {
      this.#remember(text);
      tell("STDERR", text);
    });
    await Promise.all([out.ended, err.ended]);
    allowance.flush();
  }

  /** What a runtime writes past its own log lines is why it dies: an error of the engine, or of its start. */
  #remember(text: string): void {
    if (nativeFrame.test(text)) return;
    if (/error/i.test(text)) this.#lastError = text.trim().slice(0, 300);
  }

  async #post(body: string, signal: AbortSignal): Promise<RuntimeAnswer> {
    const link = this.#link;
    if (link === undefined || this.isDead || this.isEnding) throw unusable("it is gone");
    try {
      return await link.specialize(body, signal);
    } catch (error) {
      if (signal.aborted) throw abortReason(signal);
      const how = await Promise.race([this.gone, this.#after(brokenMs)]);
      if (how === null || this.#wasAskedToEnd()) throw unusable("the connection to it broke", error);
      if (this.#wasKilledByOthers()) throw unusable(`it ${how}`, error);
      throw new AppError("LOAD_FAILED", `the instance ended while it loaded the code: it ${how}`, { cause: error });
    }
  }
}

/** Under the names by which Fission's images that can be told anything are told it. */
const fissionVariables = (port: number, userfunc: string): Record<string, string> => ({
  RUNTIME_PORT: String(port),
  USERFUNC: userfunc,
  USERFUNCVOL: userfunc,
});
