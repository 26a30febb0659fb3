/** What `fermi init-secrets` is told by deploy/'s manifests. */
import { parseArgs } from "node:util";
import { ConfigError } from "./read-config.js";
import { settings } from "./settings.js";

export interface InitSecretsConfig {
  readonly namespace: string;
  readonly kubeconfig: readonly string[] | null;
  /** Where the installation has a PostgreSQL of its own, the name of its service; null where it is told of another. */
  readonly databaseHost: string | null;
}

/** Throws a ConfigError with what is wrong. */
export function readInitSecretsConfig(
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): InitSecretsConfig {
  try {
    const options = { "database-host": { type: "string" } } as const;
    const { values } = parseArgs({ args: [...args], options, strict: true, allowPositionals: false });
    return {
      namespace: settings.controlNamespace.parse(
        env["FERMI_CONTROL_NAMESPACE"] ?? settings.controlNamespace.defaultText,
      ),
      kubeconfig: env["KUBECONFIG"] ? settings.kubeconfig.parse(env["KUBECONFIG"]) : null,
      databaseHost: values["database-host"] ?? null,
    };
  } catch (error) {
    throw new ConfigError([(error as Error).message]);
  }
}
