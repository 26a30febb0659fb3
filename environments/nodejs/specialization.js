import { readBody } from "./body.js";

/** Source, variables and names: far more than any of them may be together. */
const limit = 8 * 1024 * 1024;

class BadSpecialization extends Error {}

/** Whether the request itself was at fault, so that another may be made. */
export const isBadRequest = (error) => error instanceof BadSpecialization;

/** The body of `POST /specialize`, checked. */
export async function readSpecialization(req) {
  const request = await readJson(req);
  const {
    function: { id, name, namespace } = {},
    version,
    entrypoint = null,
    variables = [],
    platformVariables = [],
    key,
    code,
    requestsPerInstance = 1,
  } = request;
  expect(typeof id === "string", "function.id");
  expect(Number.isInteger(version), "version");
  expect(entrypoint === null || typeof entrypoint === "string", "entrypoint");
  expect(typeof key === "string" && key.length > 0, "key");
  expect(typeof code?.source === "string", "code.source");
  expect(Number.isInteger(requestsPerInstance) && requestsPerInstance > 0, "requestsPerInstance");
  expect(Array.isArray(variables), "variables");
  expect(Array.isArray(platformVariables), "platformVariables");
  const together = Object.fromEntries([...variables, ...platformVariables].map(({ name, value }) => [name, value]));
  return {
    function: Object.freeze({ id, name, namespace }),
    version,
    entrypoint,
    requestsPerInstance,
    key,
    source: code.source,
    variables: together,
    bodyLimit: bodyLimit(together.FERMI_MAX_BODY_MIB),
  };
}

/** In bytes, where the router's own limit is told. */
const bodyLimit = (mib) => (/^[1-9]\d*$/.test(mib) ? Number(mib) * 1024 * 1024 : undefined);

async function readJson(req) {
  try {
    const body = JSON.parse((await readBody(req, limit)).toString("utf8"));
    return body === null || typeof body !== "object" ? {} : body;
  } catch (error) {
    throw new BadSpecialization(error.message);
  }
}

function expect(isSo, what) {
  if (!isSo) throw new BadSpecialization(`${what} is missing or is not what it should be`);
}
