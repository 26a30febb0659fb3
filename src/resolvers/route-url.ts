import type { HttpTrigger } from "../model/trigger.js";

/** The router's address with the route's host, where it names one, and its path as a template. */
export function routeUrl(routerUrl: string, { host, path }: Pick<HttpTrigger, "host" | "path">): string {
  const url = new URL(routerUrl);
  url.hostname = host ?? url.hostname;
  return `${url.origin}${path}`;
}
