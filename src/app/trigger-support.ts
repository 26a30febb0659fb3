/** What triggers this installation can serve. */
import type { Config } from "../config/settings.js";
import type { TriggerSupport } from "../services/trigger.service.js";
import { watchProblem } from "./watch-source.js";

export const triggerSupport = (config: Pick<Config, "cluster" | "kubeconfig" | "natsUrl">): TriggerSupport => ({
  watchProblem: () => watchProblem(config),
  brokerProblem: (broker) =>
    broker === "POSTGRES" || config.natsUrl !== null
      ? undefined
      : "knows no NATS server: set FERMI_NATS_URL for the server",
});
