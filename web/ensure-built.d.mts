export interface EnsureBuiltOptions {
  /** Told what takes time, and why. */
  log?: (text: string) => void;
  /** The folder of the playground, this one where left out. */
  folder?: string;
  /** Runs a command in `cwd`; rejects with a sentence about `what` where it fails. */
  run?: (command: readonly string[], cwd: string, what: string) => Promise<void>;
}

/** Installs and builds what is stale, and nothing else; rejects with one sentence that says what failed. */
export function ensureBuilt(options?: EnsureBuiltOptions): Promise<void>;
