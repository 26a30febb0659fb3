/** What the fetcher's container is told by its pod's manifest (src/cluster/kubernetes), and by nobody else. */
import { ConfigError } from "./read-config.js";

export interface FetcherConfig {
  readonly contract: "FISSION_V1" | "FISSION_V2";
  /** The key with which whoever may tell it what to load signs; the public half. */
  readonly publicKey: string;
  /** The instance for which requests are signed. */
  readonly instance: string;
  readonly folder: string;
  readonly port: number;
  readonly imagePort: number;
}

/** Throws a ConfigError with all that is wrong. */
export function readFetcherConfig(env: NodeJS.ProcessEnv = process.env): FetcherConfig {
  const problems: string[] = [];
  const read = (name: string, form: RegExp, what: string): string => {
    const text = env[name] ?? "";
    if (!form.test(text)) problems.push(`${name} must be ${what}`);
    return text;
  };
  const port = (name: string): number => Number(read(name, /^\d{1,5}$/, "a port"));
  const config = {
    contract: read("FERMI_FETCHER_CONTRACT", /^FISSION_V[12]$/, "FISSION_V1 or FISSION_V2"),
    publicKey: read("FERMI_FETCHER_PUBLIC_KEY", /^[\w-]{43}$/, "an Ed25519 key in base64url"),
    instance: read("FERMI_FETCHER_INSTANCE", /^[\w.-]{1,253}$/, "the instance's id"),
    folder: read("FERMI_FETCHER_FOLDER", /^\//, "an absolute path"),
    port: port("FERMI_FETCHER_PORT"),
    imagePort: port("FERMI_FETCHER_IMAGE_PORT"),
  };
  if (problems.length > 0) throw new ConfigError(problems);
  return config as FetcherConfig;
}
