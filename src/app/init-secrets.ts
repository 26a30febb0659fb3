/**
 * `fermi init-secrets`: the first container of an api's pod runs it (deploy/base/api.yaml). It makes the Secrets that an
 * installation lacks, of random values, so that no secret is in any file. What is there is kept.
 */
import { createSecret, type NewSecret } from "../cluster/kubernetes/create-secret.js";
import { KubeApi } from "../cluster/kubernetes/kube-api.js";
import { readInitSecretsConfig, type InitSecretsConfig } from "../config/init-secrets-config.js";
import { ConfigError } from "../config/read-config.js";
import { systemClock } from "../lib/clock.js";
import { newKey } from "../lib/new-key.js";

/** Exit codes: 0 all are there, 1 Kubernetes refused or could not be reached, 2 wrong arguments. */
export async function initSecrets(args: readonly string[]): Promise<void> {
  const config = configOrUndefined(args);
  if (config === undefined) return;
  const api = KubeApi.connect({ kubeconfig: config.kubeconfig, clock: systemClock });
  try {
    for (const secret of wantedSecrets(config)) {
      const isNew = await createSecret(api, secret);
      process.stdout.write(`secret ${secret.name}: ${isNew ? "made" : "was there already"}\n`);
    }
  } catch (error) {
    process.stderr.write(`fermi init-secrets: ${(error as Error).message}\n`);
    process.exitCode = 1;
  } finally {
    api.close();
  }
}

function wantedSecrets({ namespace, databaseHost }: InitSecretsConfig): NewSecret[] {
  const own = { namespace, name: "fermi", values: { "admin-token": newKey(), "internal-secret": newKey() } };
  if (databaseHost === null) return [own];
  const password = newKey();
  const url = `postgres://fermi:${password}@${databaseHost}:5432/fermi`;
  return [own, { namespace, name: "fermi-database", values: { password, url } }];
}

function configOrUndefined(args: readonly string[]): InitSecretsConfig | undefined {
  try {
    return readInitSecretsConfig(args);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    process.stderr.write(error.problems.map((problem) => `fermi init-secrets: ${problem}\n`).join(""));
    process.exitCode = 2;
    return undefined;
  }
}
