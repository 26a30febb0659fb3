/** What triggers this installation can serve. */
import type { Config } from "../config/settings.js";
import type { TriggerSupport } from "../services/trigger.service.js";

export const triggerSupport = ({ cluster }: Pick<Config, "cluster">): TriggerSupport => ({
  watchProblem: () =>
    cluster === "kubernetes" ? undefined : `it runs its instances without Kubernetes (FERMI_CLUSTER is ${cluster})`,
  brokerProblem: (broker) => (broker === "POSTGRES" ? undefined : "it knows no NATS server"),
});
