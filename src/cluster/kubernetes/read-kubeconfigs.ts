import { KubeConfig } from "@kubernetes/client-node";

/**
 * Several files are one, by kubectl's rules: of what has the same name the first file's counts, whole, and so does the first
 * current context that is named. The client library's own merge takes the last context, and refuses what comes twice.
 */
export function readKubeconfigs(files: readonly string[]): KubeConfig {
  const read = files.map((file) => {
    const config = new KubeConfig();
    config.loadFromFile(file);
    return config;
  });
  const merged = new KubeConfig();
  merged.loadFromOptions({
    clusters: firstOfEachName(read.flatMap(({ clusters }) => clusters)),
    users: firstOfEachName(read.flatMap(({ users }) => users)),
    contexts: firstOfEachName(read.flatMap(({ contexts }) => contexts)),
    currentContext: read.map(({ currentContext }) => currentContext).find((name) => name),
  });
  return merged;
}

const firstOfEachName = <T extends { readonly name: string }>(all: readonly T[]): T[] => [
  ...new Map(all.toReversed().map((one) => [one.name, one])).values(),
];
