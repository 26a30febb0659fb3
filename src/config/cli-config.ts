/** What the command line reads from its environment; each has a flag that beats it. */
export interface CliConfig {
  readonly server: string;
  readonly token: string | null;
  readonly namespace: string;
}

const nonEmpty = (text: string | undefined): string | undefined => (text === "" ? undefined : text);

export const readCliConfig = (env: NodeJS.ProcessEnv = process.env): CliConfig => ({
  server: nonEmpty(env["FERMI_SERVER"]) ?? "http://localhost:31313",
  token: nonEmpty(env["FERMI_TOKEN"]) ?? null,
  namespace: nonEmpty(env["FERMI_NAMESPACE"]) ?? "default",
});
