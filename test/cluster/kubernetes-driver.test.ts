import { badSourceMessage, describeClusterDriver, printed } from "../contract/cluster-driver.contract.js";
import { aKubernetesDriver, nodeImage } from "./support/kubernetes-subject.js";
import { deletePod, connect, describeOnCluster } from "./support/test-cluster.js";

describeOnCluster("on Kubernetes", () => {
  describeClusterDriver("kubernetes", async () => {
    const { driver, namespace, stop } = await aKubernetesDriver();
    const api = connect();
    return {
      driver,
      image: nodeImage,
      goodSource: `console.log("${printed}"); module.exports = (context, callback) => callback(200, "Hello");`,
      badSource: `throw new Error("${badSourceMessage}");`,
      hangingSource: "await new Promise(() => {}); export default () => {};",
      crash: ({ id }) => void deletePod(api, namespace, id),
      unfillable: (environment) => ({ ...environment, image: "example.com/unheard/of:1" }),
      stop: async () => {
        await stop();
        api.close();
      },
    };
  });
});
