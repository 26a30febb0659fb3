import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parse, stringify } from "yaml";
import { TcpProxy } from "../../store/support/tcp-proxy.js";
import { kubeconfig } from "./test-cluster.js";

interface Kubeconfig {
  readonly clusters: { readonly cluster: { server: string; "tls-server-name"?: string } }[];
}

/** An API server that can be away, hang and come back for whoever uses `file`, while others go on using it. */
export async function anApiProxy(): Promise<{ file: string; proxy: TcpProxy; stop: () => Promise<void> }> {
  const config = parse(await readFile(kubeconfig, "utf8")) as Kubeconfig;
  const { cluster } = config.clusters[0]!;
  const { hostname } = new URL(cluster.server);
  const proxy = await TcpProxy.before(cluster.server);
  cluster.server = proxy.url;
  if (hostname !== "127.0.0.1") cluster["tls-server-name"] = hostname;
  const folder = await mkdtemp(path.join(tmpdir(), "fermi-kubeconfig-"));
  const file = path.join(folder, "config");
  await writeFile(file, stringify(config), { mode: 0o600 });
  const stop = async (): Promise<void> => {
    proxy.thaw();
    await proxy.goAway();
    await rm(folder, { recursive: true });
  };
  return { file, proxy, stop };
}
