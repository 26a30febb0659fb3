import { KubernetesDriver, type KubernetesDriverOptions } from "../../../src/cluster/kubernetes/kubernetes-driver.js";
import { defaultOutputBounds } from "../../../src/cluster/output-reader.js";
import { systemClock } from "../../../src/lib/clock.js";
import { programVersion } from "../../../src/lib/program-version.js";
import { silentLogger } from "../../../src/lib/logger.js";
import { aNamespace, connect } from "./test-cluster.js";

/** Fermi's runtime for Node, as the cluster knows it. */
export const nodeImage = process.env["FERMI_TEST_NODE_IMAGE"] ?? "fermi/nodejs";

/** Fermi's own, for the fetcher. */
export const fermiImage = process.env["FERMI_TEST_IMAGE"] ?? `fermi/fermi:${programVersion()}`;

/** A started driver; stopping it ends nothing. */
export function aDriver(namespace: string, change: Partial<KubernetesDriverOptions> = {}): KubernetesDriver {
  const driver = new KubernetesDriver({
    api: connect(),
    clock: systemClock,
    logger: silentLogger,
    namespace,
    outputBounds: defaultOutputBounds,
    fetcher: { image: fermiImage, secret: "a secret of thirty-two characters or more" },
    since: () => Promise.resolve(undefined),
    ...change,
  });
  driver.start();
  return driver;
}

/** A started driver in a namespace of its own, and what ends both. */
export async function aKubernetesDriver(): Promise<{
  driver: KubernetesDriver;
  namespace: string;
  stop: () => Promise<void>;
}> {
  const api = connect();
  const { namespace, remove } = await aNamespace(api);
  const driver = aDriver(namespace, { api });
  const stop = async (): Promise<void> => {
    await driver.stop();
    await remove();
    api.close();
  };
  return { driver, namespace, stop };
}
