/**
 * Without figures of an earlier run Jest begins with the largest files. Those that wait for real processes take longest,
 * whatever their size: begun late, one of them goes on alone when all others have ended.
 */
import Sequencer from "@jest/test-sequencer";

const longest = [
  "test/faults/fuzz",
  "test/cluster/kubernetes-driver.test",
  "test/roles/",
  "test/faults/",
  "test/e2e/",
  "test/nats/",
];

const rank = ({ path }) => {
  const at = longest.findIndex((part) => path.includes(`/${part}`));
  return at === -1 ? longest.length : at;
};

export default class LongestFirst extends Sequencer {
  sort(tests) {
    return super.sort(tests).sort((one, other) => rank(one) - rank(other));
  }
}
