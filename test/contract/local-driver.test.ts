import { badSourceMessage, describeClusterDriver, printed } from "./cluster-driver.contract.js";
import { aLocalDriver } from "./local-subject.js";

describeClusterDriver("local", async () => {
  const { driver, stop } = await aLocalDriver();
  return {
    driver,
    goodSource: `console.log("${printed}"); module.exports = (context, callback) => callback(200, "Hello");`,
    badSource: `throw new Error("${badSourceMessage}");`,
    hangingSource: "await new Promise(() => {}); export default () => {};",
    crash: ({ id }) => driver.kill(id),
    unfillable: (environment) => ({ ...environment, image: "example.com/unheard/of:1" }),
    stop,
  };
});
