/** What the router grants its clients, and whom of them it believes. */
import { cidrList, wholeNumber } from "./parse-setting.js";
import type { Setting } from "./setting.js";

export const clientSettings = {
  maxBodyMib: {
    env: "FERMI_MAX_BODY_MIB",
    flag: "--max-body-mib",
    defaultText: "64",
    description: "largest request body in MiB; beyond it 413",
    parse: wholeNumber(1, 10_240),
  },
  headTimeoutSeconds: {
    env: "FERMI_HEAD_TIMEOUT_SECONDS",
    flag: "--head-timeout-seconds",
    defaultText: "20",
    description: "how long a client of the router may take to send a request's head; then 408",
    parse: wholeNumber(1, 3_600),
  },
  readTimeoutSeconds: {
    env: "FERMI_READ_TIMEOUT_SECONDS",
    flag: "--read-timeout-seconds",
    defaultText: "120",
    description: "how long a client of the router may take nothing of an answer that is there for it; then it is cut",
    parse: wholeNumber(1, 86_400),
  },
  trustedProxies: {
    env: "FERMI_TRUSTED_PROXIES",
    flag: "--trusted-proxies",
    defaultText: "",
    description: "addresses or networks whose X-Forwarded-* and X-Real-IP headers are kept, separated by commas",
    parse: cidrList,
  },
} as const satisfies Record<string, Setting<unknown>>;
