import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { valueAt } from "../support/api-client.js";
import { ApiHarness } from "../support/api-harness.js";
import { createFunction, createTrigger, someName } from "../support/api-resources.js";

const FIELDS = `id name namespace revision enabled apiVersion kind watchNamespace labelSelector fieldSelector function { name }`;
const CREATE = `mutation ($input: CreateKubernetesWatchTriggerInput!) { createKubernetesWatchTrigger(input: $input) { ${FIELDS} } }`;
const UPDATE = `mutation ($input: UpdateKubernetesWatchTriggerInput!) { updateKubernetesWatchTrigger(input: $input) { ${FIELDS} } }`;

describe("Kubernetes watch triggers", () => {
  let api: ApiHarness;
  let fn: string;
  beforeAll(async () => {
    api = await ApiHarness.start();
    fn = await createFunction(api.client);
  });
  afterAll(() => api.stop());

  it("are created with the defaults of the schema, and changed", async () => {
    const name = someName();
    const created = await api.client.ok(CREATE, { input: { name, function: fn, kind: "Pod" } });
    expect(created).toMatchObject({
      createKubernetesWatchTrigger: {
        ...{
          name,
          namespace: "default",
          revision: 1,
          enabled: true,
          function: { name: fn },
          apiVersion: "v1",
          kind: "Pod",
        },
        ...{ watchNamespace: null, labelSelector: null, fieldSelector: null },
      },
    });
    const id = valueAt(created, "createKubernetesWatchTrigger.id");
    const narrower = { id, watchNamespace: "shop", labelSelector: "app=shop", fieldSelector: "status.phase!=Running" };
    expect(await api.client.ok(UPDATE, { input: narrower })).toMatchObject({
      updateKubernetesWatchTrigger: { ...narrower, revision: 2, kind: "Pod" },
    });
    expect(await api.client.ok(UPDATE, { input: { id, watchNamespace: null } })).toMatchObject({
      updateKubernetesWatchTrigger: { revision: 3, watchNamespace: null, labelSelector: "app=shop" },
    });
  });

  it.each([
    { apiVersion: "apps/v1", kind: "Deployment" },
    { apiVersion: "example.com/v1alpha1", kind: "Database" },
    { labelSelector: "app=shop, tier in (web, api),!draft,env!=test,example.com/owner" },
    { labelSelector: "  ! draft , tier  notin( web ,, ) ,env = ,in in (in) , app == shop " },
    { fieldSelector: "metadata.name=a,spec.nodeName!=" },
  ])("take %j", async (input) => {
    const data = await api.client.ok(CREATE, { input: { name: someName(), function: fn, kind: "Pod", ...input } });
    expect(valueAt(data, "createKubernetesWatchTrigger")).toMatchObject(input);
  });

  it.each([
    ["apiVersion", { apiVersion: "apps/v1/beta" }],
    ["apiVersion", { apiVersion: "" }],
    ["kind", { kind: "pods/log" }],
    ["kind", { kind: "" }],
    ["watchNamespace", { watchNamespace: "Not A Label" }],
    ["labelSelector", { labelSelector: "app==" + "x".repeat(64) }],
    ["labelSelector", { labelSelector: "app in shop" }],
    ["labelSelector", { labelSelector: "app in(web),app notin web" }],
    ["labelSelector", { labelSelector: "appin (web)" }],
    ["labelSelector", { labelSelector: "" }],
    ["fieldSelector", { fieldSelector: "metadata.name" }],
    ["fieldSelector", { fieldSelector: "a=1,,b=2" }],
    ["name", { name: "No Label" }],
    ["namespace", { namespace: "No Label" }],
  ])("refuse a wrong %s and say what would be right: %j", async (field, wrong) => {
    const error = await api.client.refused(CREATE, {
      input: { name: someName(), function: fn, kind: "Pod", ...wrong },
    });
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", field, message: expect.stringMatching(/must/) });
  });

  it.each([
    ["labelSelector", `a in (${",  ".repeat(600)}`],
    ["labelSelector", "  a,".repeat(400)],
    ["labelSelector", "a=  ,".repeat(399) + "!"],
    ["labelSelector", `${"a-".repeat(25)}/`.repeat(39)],
    ["fieldSelector", "  a  =".repeat(300)],
    ["fieldSelector", String.raw`a=\,`.repeat(390) + "\\"],
  ])("refuse a long wrong %s as quickly as a short one", async (field, selector) => {
    const input = { name: someName(), function: fn, kind: "Pod", [field]: selector };
    expect(await api.client.refused(CREATE, { input })).toMatchObject({ code: "BAD_USER_INPUT", field });
  });

  it("refuse a wrong update, and of what the caller has not seen", async () => {
    const id = await createTrigger(api.client, "KubernetesWatchTrigger", { function: fn });
    expect(await api.client.refused(UPDATE, { input: { id, labelSelector: "," } })).toMatchObject({
      code: "BAD_USER_INPUT",
      field: "labelSelector",
    });
    expect(await api.client.refused(UPDATE, { input: { id, expectedRevision: 2 } })).toMatchObject({
      code: "CONFLICT",
    });
  });

  it("are refused, with the reason, where this installation can watch no objects", async () => {
    api.support.watchProblem = () => "knows no Kubernetes";
    const error = await api.client.refused(CREATE, { input: { name: someName(), function: fn, kind: "Pod" } });
    api.support.watchProblem = () => undefined;
    expect(error).toMatchObject({ code: "BAD_USER_INPUT", message: "This installation knows no Kubernetes." });
    expect(error.field).toBeUndefined();
  });
});
