/** Whether a pod runs what it was to be made with: pure. */
import type { V1PodSpec } from "@kubernetes/client-node";

/**
 * Of each container that the template has. What a cluster's admission adds beside them is its own affair, and so is that
 * it has images come from a mirror of their registry, or says by digest which one a tag meant.
 */
export const isMadeFrom = (images: ReadonlyMap<string, string>, { containers }: V1PodSpec): boolean =>
  containers.every(({ name, image }) => isSameImage(image ?? "", images.get(name) ?? ""));

function isSameImage(wanted: string, found: string): boolean {
  if (wanted === found) return true;
  const [said, has] = [partsOf(wanted), partsOf(found)];
  if (said.digest !== undefined && said.digest !== has.digest) return false;
  return `/${has.name}`.endsWith(`/${said.name}`) && (said.tag === has.tag || has.tag === undefined);
}

interface ImageParts {
  /** Without the registry. */
  readonly name: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

function partsOf(image: string): ImageParts {
  const [, path = image, tag, digest] = /^(.*?)(?::([\w.-]+))?(?:@(.+))?$/.exec(image) ?? [];
  const [first = "", ...rest] = path.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  return {
    name: hasRegistry ? rest.join("/") : path,
    tag: tag ?? (digest === undefined ? "latest" : undefined),
    digest,
  };
}
