import type { KubeApi, KubeRequest } from "./kube-api.js";
import { KubeError } from "./kube-error.js";

/** What drivers need of the way to the API server. */
export type KubeCalls = Pick<KubeApi, "call" | "ask" | "stream" | "outage">;

/**
 * Lets nothing be changed once another process may lead: a driver repairs and tidies up by itself, and after a pause of
 * the process what it knows is long out of date. Looking is free.
 */
export function fencedKubeApi(api: KubeCalls, isHeld: () => boolean): KubeCalls {
  const expectHeld = ({ method }: KubeRequest): void => {
    if (method !== "GET" && !isHeld())
      throw new KubeError(0, "", "another process leads: nothing is changed from here");
  };
  return {
    get outage() {
      return api.outage;
    },
    call: async <T>(request: KubeRequest) => {
      expectHeld(request);
      return api.call<T>(request);
    },
    ask: async <T>(request: KubeRequest) => {
      expectHeld(request);
      return api.ask<T>(request);
    },
    stream: async (request) => {
      expectHeld(request);
      return api.stream(request);
    },
  };
}
