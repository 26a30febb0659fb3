const registryHost = /^([a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:\d{1,5})?$/i;
const component = /^[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*$/;
const tagForm = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const digestForm = /^sha(256:[0-9a-f]{64}|512:[0-9a-f]{128})$/;

/** Whether the text is a container image's reference: `[registry/]path[:tag][@digest]`. */
export function isImageReference(text: string): boolean {
  if (text.length > 512) return false;
  const [named = "", digest, ...furtherDigests] = text.split("@");
  if (furtherDigests.length > 0 || (digest !== undefined && !digestForm.test(digest))) return false;
  // A colon after the last slash begins the tag; one before it is a registry's port.
  const colon = named.indexOf(":", named.lastIndexOf("/") + 1);
  const path = colon === -1 ? named : named.slice(0, colon);
  if (colon !== -1 && !tagForm.test(named.slice(colon + 1))) return false;
  const parts = path.split("/");
  if (parts.length > 1 && isRegistry(parts[0] ?? "")) parts.shift();
  return parts.every((part) => component.test(part));
}

/** The first part is a registry only where it could not be a folder of the default one. */
const isRegistry = (part: string): boolean =>
  registryHost.test(part) && (part === "localhost" || part.includes(".") || part.includes(":"));

/** The name of Fermi's own image, such as fermi/nodejs, whatever its registry, tag or digest; undefined for another's. */
export const fermiImage = (reference: string): string | undefined =>
  /^(?:[\w.-]+(?::\d+)?\/)*?(fermi\/[\w.-]+)(?::[\w.-]+)?(?:@[\w+.:-]+)?$/.exec(reference)?.[1];
