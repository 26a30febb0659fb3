/** A function in an image of Fission's contracts, through the API and the router. */
import { rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { nodeFixture, nodeImage } from "../fixtures/fission-commands.js";
import { describeUnless } from "../support/unless.js";
import { startFermi, temporaryFolder, type Fermi } from "../support/harness.js";
import { routed } from "./support.js";

const fixture = await nodeFixture();
const source = `module.exports = async ({ request }) => ({
  status: 200,
  body: { url: request.url, headers: request.headers, body: request.body },
});`;

const CREATE_ENVIRONMENT = `mutation($name: String!, $image: String!, $contract: RuntimeContract!) {
  createEnvironment(input: {name: $name, image: $image, contract: $contract, poolSize: 1}) { id }
}`;
const CREATE_FUNCTION = `mutation($input: CreateFunctionInput!) { createFunction(input: $input) { id } }`;

const describeFission = describeUnless(typeof fixture === "string" ? fixture : undefined);

describeFission("a function in an image of Fission's contracts", () => {
  let fermi: Fermi;
  let folder: string;
  beforeAll(async () => {
    if (typeof fixture === "string") return;
    folder = await temporaryFolder();
    const file = path.join(folder, "runtimes.json");
    const { contracts, command } = fixture;
    await writeFile(file, JSON.stringify({ [nodeImage]: { contracts, command } }));
    fermi = await startFermi({ env: { FERMI_LOCAL_RUNTIMES: file } });
    await fermi.ok(CREATE_ENVIRONMENT, { name: "v1", image: nodeImage, contract: "FISSION_V1" });
    await fermi.ok(CREATE_ENVIRONMENT, { name: "v2", image: `${nodeImage}:1`, contract: "FISSION_V2" });
  }, 90_000);
  afterAll(async () => {
    await fermi.stop();
    await rm(folder, { recursive: true });
  });

  async function deploy(name: string, environment: string, path: string, code = source): Promise<string> {
    await fermi.ok(CREATE_FUNCTION, { input: { name, environment, source: code } });
    const trigger = `mutation($input: CreateHttpTriggerInput!) { createHttpTrigger(input: $input) { id } }`;
    await fermi.ok(trigger, { input: { function: name, methods: ["GET", "POST"], path } });
    const url = `${fermi.routerUrl}${path.replace(/\{.*|\*$/, "")}`;
    await routed(path.includes("{") ? `${url}1` : url);
    return url;
  }

  it("gets what Fission's router would send, and nothing secret", async () => {
    for (const environment of ["v1", "v2"]) {
      const url = await deploy(`hello-${environment}`, environment, `/${environment}/{id}`);
      const headers = { "content-type": "application/json" };
      const answer = await fetch(`${url}5?q=1`, { method: "POST", body: `{"a":1}`, headers });
      const seen = (await answer.json()) as { url: string; headers: Record<string, string>; body: object };
      expect([answer.status, seen.url, seen.body]).toEqual([200, "/?q=1", { a: 1 }]);
      expect(seen.headers).toMatchObject({
        "x-fission-function-name": `hello-${environment}`,
        "x-fission-function-namespace": "default",
        "x-fission-full-url": `/${environment}/5?q=1`,
        "x-fission-params-id": "5",
        "x-fission-request-id": answer.headers.get("x-fermi-invocation-id"),
      });
      expect(seen.headers["x-fermi-key"]).toBeUndefined();
    }
  });

  it("answers through invokeFunction too", async () => {
    await fermi.ok(CREATE_FUNCTION, { input: { name: "invoked", environment: "v2", source } });
    const { invokeFunction } = await fermi.ok<{ invokeFunction: { httpStatus: number; result: { body: string } } }>(
      `mutation { invokeFunction(input: {function: "invoked", path: "/?x=1"}) { httpStatus result { body } } }`,
    );
    expect(invokeFunction.httpStatus).toBe(200);
    expect(JSON.parse(invokeFunction.result.body)).toMatchObject({ url: "/?x=1" });
  });

  it("that does not load says why, to callers and in its log", async () => {
    const url = await deploy("broken", "v2", "/broken", "throw new TypeError('no such thing')");
    const answer = await fetch(url);
    expect([answer.status, answer.headers.get("x-fermi-error")]).toEqual([502, "LOAD_FAILED"]);
    expect(await answer.text()).toContain("The image answered 500 to POST /v2/specialize: TypeError: no such thing");
  });

  it("can't have what its contract has no place for", async () => {
    const refusal = async (input: object): Promise<string> => {
      const { errors } = await fermi.gql(CREATE_FUNCTION, { input: { name: "no", source, ...input } });
      return `${errors![0]!.extensions.code} ${errors![0]!.message}`;
    };
    const variables = [{ name: "A", value: "1" }];
    expect(await refusal({ environment: "v2", variables })).toMatch(/^BAD_USER_INPUT .*FERMI can hand them over/);
    expect(await refusal({ environment: "v1", entrypoint: "main" })).toMatch(/^BAD_USER_INPUT .*no place for it/);
  });

  it("needs an image that speaks the contract", async () => {
    const input = { name: "no", image: "fermi/nodejs", contract: "FISSION_V2" };
    const { errors } = await fermi.gql(CREATE_ENVIRONMENT, input);
    expect(errors![0]!.message).toContain(`speaks FERMI, and not FISSION_V2`);
    expect(errors![0]!.message).toContain(`${nodeImage} (FISSION_V1, FISSION_V2)`);
  });
});
