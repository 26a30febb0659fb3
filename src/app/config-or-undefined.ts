import { ConfigError } from "../config/read-config.js";

/** Says what is wrong with the settings, and sets the exit code for it. */
export function configOrUndefined<C>(read: () => C): C | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(error.problems.map((problem) => `fermi: ${problem}\n`).join(""));
    process.exitCode = 2;
    return undefined;
  }
}
