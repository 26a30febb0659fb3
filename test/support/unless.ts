/** Tests that can't run everywhere. Where they are left out their names say why. */
import { describe, it } from "@jest/globals";

/** `reason` is why they can't run here; undefined where they can. */
export const describeUnless =
  (reason: string | undefined) =>
  (name: string, tests: () => void): void => {
    if (reason === undefined) describe(name, tests);
    else describe.skip(leftOut(name, reason), tests);
  };

/** As `describeUnless`, for one test. */
export const itUnless =
  (reason: string | undefined) =>
  (name: string, test: () => void | Promise<void>, timeoutMs?: number): void => {
    if (reason === undefined) it(name, test, timeoutMs);
    else it.skip(leftOut(name, reason), test);
  };

export const itAsRoot = itUnless(process.getuid?.() === 0 ? undefined : "only root can be kept from it");

const leftOut = (name: string, reason: string): string => `${name} (left out: ${reason})`;
