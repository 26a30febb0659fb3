import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Browser } from "playwright-core";
import { ensureBuilt } from "../../web/ensure-built.mjs";
import { startFermi, type Fermi } from "../support/harness.js";
import { chromiumPath, launchChromium } from "./support/chromium.js";
import { PlaygroundPage, type Shown } from "./support/playground-page.js";
import { describeUnless } from "../support/unless.js";

const hasEvent =
  (text: string) =>
  ({ newestFirst }: Shown): boolean =>
    JSON.stringify(newestFirst ?? []).includes(text);
const hasEnded = (status = ""): boolean => status.startsWith("ended");

const describeInBrowser = describeUnless(
  chromiumPath === undefined ? "there is no Chromium or Chrome on this machine" : undefined,
);
const token = "a-token-of-the-browser-tests";

describeInBrowser("Playground in a browser", () => {
  let browser: Browser;
  let playground: PlaygroundPage | undefined;

  const visit = async (fermi: Fermi): Promise<PlaygroundPage> => {
    playground = await PlaygroundPage.open(browser, `${fermi.apiUrl}/`);
    return playground;
  };

  beforeAll(async () => {
    await ensureBuilt({ log: () => {} });
    browser = await launchChromium();
  }, 120_000);

  afterEach(async () => {
    await playground?.close();
    playground = undefined;
  });

  afterAll(() => browser.close());

  describe("of a fresh install", () => {
    let fermi: Fermi;

    beforeAll(async () => void (fermi = await startFermi({ env: { FERMI_EXAMPLES: "true" } })), 60_000);
    afterAll(() => fermi.stop());

    it("walks through Fermi, each tab as it stands", async () => {
      const page = await visit(fermi);
      expect(await page.run()).toMatchObject({
        data: { environments: { nodes: expect.arrayContaining([expect.objectContaining({ name: "nodejs" })]) } },
      });

      await page.openTab("Step1_Create");
      expect(await page.run()).toMatchObject({
        data: { createFunction: { name: "welcome", currentVersion: { number: 1 } } },
      });

      await page.openTab("Step2_Route");
      const { url } = (await page.run()).data?.["createHttpTrigger"] as { url: string };
      expect(await (await fetch(`${url}?name=Ada`)).text()).toBe("Welcome, Ada!\n");

      await page.openTab("Step3_Call");
      expect(await page.run()).toMatchObject({
        data: { invokeFunction: { status: "SUCCEEDED", result: { httpStatus: 200, body: "Welcome, Grace!\n" } } },
      });

      await page.openTab("Step4_Logs");
      await page.press();
      await page.shows(hasEvent("welcomed Grace"));
      await fetch(`${url}?name=Emmy`);
      const { status, newestFirst } = await page.shows(hasEvent("welcomed Emmy"));
      expect(status).toBe("listening");
      expect(newestFirst?.[0]).toMatchObject({ logs: { stream: "STDOUT", message: "welcomed Emmy" } });
      expect(page.complaints).toEqual([]);
      expect(page.foreign).toEqual([]);
    });

    it("ends a subscription at a second press, and shows nothing that comes later", async () => {
      const page = await visit(fermi);
      await page.newTab('subscription Live { logs(filter: { function: "hello" }) { message } }');
      await page.press();
      await page.shows(({ status }) => status === "listening");
      await fetch(`${fermi.routerUrl}/hello?name=first`);
      await page.shows(({ received }) => received === 1);
      await page.press();
      await page.page.getByRole("button", { name: /^Execute query/ }).waitFor();
      const later = await fermi.ok<{ invokeFunction: { status: string } }>(
        'mutation { invokeFunction(input: { function: "hello", method: "GET" }) { status } }',
      );
      expect(later.invokeFunction.status).toBe("SUCCEEDED");
      expect(await page.shows(() => true)).toMatchObject({
        status: "ended: you stopped it, or left its tab",
        received: 1,
      });
    });

    it("shows the API's own refusal of an operation", async () => {
      const page = await visit(fermi);
      await page.newTab('mutation Twice { deleteFunction(name: "nowhere") { name } }');
      expect((await page.run()).errors?.[0]?.extensions.code).toBe("NOT_FOUND");
    });

    it("says that a subscription was refused, and why", async () => {
      const page = await visit(fermi);
      await page.newTab('subscription Bad { logs(filter: { function: "hello" }, tail: -1) { message } }');
      await page.press();
      expect((await page.shows(({ status }) => hasEnded(status))).status).toContain("tail");
    });

    it("writes nothing of a subscription into the tab that is opened next", async () => {
      const page = await visit(fermi);
      await page.run();
      await page.newTab('subscription Left { logs(filter: { function: "hello" }) { message } }');
      await page.press();
      await page.shows(({ status }) => status === "listening");
      await page.openTab("Start");
      await fetch(`${fermi.routerUrl}/hello?name=unseen`);
      await page.newTab('subscription Seen { logs(filter: { function: "hello" }, tail: 1) { message } }');
      await page.press();
      await page.shows(hasEvent("unseen"));
      await page.openTab("Start");
      expect((await page.shows(() => true)).data).toHaveProperty("server");
    });

    it("is held to its own origin and to its own scripts", async () => {
      const page = await visit(fermi);
      const fetched = page.page.evaluate(() => fetch("https://elsewhere.invalid/").catch(() => "refused"));
      expect(await fetched).toBe("refused");
      expect(page.complaints.join()).toContain("violates the following Content Security Policy");
      await page.page.addScriptTag({ content: "globalThis.ran = true" }).catch(() => undefined);
      expect(await page.page.evaluate(() => "ran" in globalThis)).toBe(false);
    });

    it("checks an operation while it is written, in workers of its own origin", async () => {
      const page = await visit(fermi);
      await page.newTab("query Wrong { nothingOfThisName }");
      await page.page.locator(".graphiql-query-editor .squiggly-error").waitFor();
      const names = page.workers.map((url) => new URL(url).pathname);
      for (const worker of ["editor", "graphql", "json"]) {
        expect(names).toContainEqual(expect.stringMatching(new RegExp(`^/assets/${worker}-\\w+\\.js$`)));
      }
      expect(page.workers.every((url) => url.startsWith(fermi.apiUrl))).toBe(true);
      expect(page.complaints).toEqual([]);
    });

    it.each([
      ["Documentation Explorer", "createFunction"],
      ["Walk-through", "Source text becomes a function."],
      ["Explorer", "environments"],
      ["History", "Start"],
    ])("opens %s", async (panel, text) => {
      const page = await visit(fermi);
      await page.run();
      await page.page.getByRole("button", { name: `Show ${panel}`, exact: true }).click();
      const content = page.page.locator(".graphiql-plugin");
      if (panel === "Documentation Explorer") await content.getByText("Mutation", { exact: true }).click();
      await content.getByText(text, { exact: true }).first().waitFor();
      expect(page.complaints).toEqual([]);
      expect(page.foreign).toEqual([]);
    });

    it("writes an operation by clicks in the explorer", async () => {
      const page = await visit(fermi);
      await page.newTab("query Clicked { viewer { subject } }");
      await page.page.getByRole("button", { name: "Show Explorer", exact: true }).click();
      await page.page.locator(".graphiql-plugin").getByText("roles", { exact: true }).click();
      await page.page.locator(".graphiql-query-editor").getByText("roles").waitFor();
      expect(await page.run()).toEqual({ data: { viewer: { subject: "local", roles: ["admin"] } } });
    });

    it("opens a step of the walk-through again", async () => {
      const page = await visit(fermi);
      await page.page.getByRole("button", { name: "Show Walk-through", exact: true }).click();
      await page.page.locator(".fermi-tour").getByRole("button", { name: "Logs" }).click();
      await page.page.getByRole("tab", { name: "Step4_Logs", selected: true }).waitFor();
      expect(await page.page.getByRole("tab", { name: "Step4_Logs" }).count()).toBe(2);
    });

    it("opens what else calls functions, which runs as it stands where there is a cluster", async () => {
      const page = await visit(fermi);
      await page.page.getByRole("button", { name: "Show Walk-through", exact: true }).click();
      await page.page.locator(".fermi-tour").getByRole("button", { name: "Watch" }).click();
      await page.page.getByRole("tab", { name: "Watch", selected: true }).waitFor();
      const { data, errors } = await page.run();
      if (errors === undefined) expect(data?.["createKubernetesWatchTrigger"]).toMatchObject({ kind: "Pod" });
      else expect(errors[0]?.message).toContain("knows no Kubernetes");
    });

    it("keeps tabs over a reload, and starts afresh in another window", async () => {
      const page = await visit(fermi);
      await page.newTab("query Mine { viewer { subject } }");
      await page.run();
      await page.hasStoredTabs("Mine");
      await page.reload();
      await page.page.getByRole("tab", { name: "Mine", selected: true }).waitFor();
      const other = await page.page.context().newPage();
      await other.goto(`${fermi.apiUrl}/`);
      await other.getByRole("tab", { name: "Start", selected: true }).waitFor();
      expect(await other.getByRole("tab", { name: "Mine" }).count()).toBe(0);
    });
  });

  describe("of a server that demands a token", () => {
    let fermi: Fermi;

    beforeAll(async () => void (fermi = await startFermi({ env: { FERMI_ADMIN_TOKEN: token } })), 60_000);
    afterAll(() => fermi.stop());

    it("sends the header editor's headers with operations of this tab and, the token, of the others", async () => {
      const page = await visit(fermi);
      await page.newTab("query Who { viewer { subject } }");
      expect((await page.run()).errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
      await page.setHeaders({ Authorization: `Bearer ${token}` });
      await page.press();
      await page.shows(({ data }) => data !== undefined);
      await page.newTab("query WhoElse { viewer { subject } }");
      expect(await page.run()).toEqual({ data: { viewer: { subject: "admin" } } });
    });

    it("reads the schema once there is a token", async () => {
      const page = await visit(fermi);
      await page.setHeaders({ authorization: `Bearer ${token}` });
      await page.press();
      await page.shows(({ data }) => data !== undefined);
      await page.page.getByRole("button", { name: "Show Documentation Explorer", exact: true }).click();
      await page.page.locator(".graphiql-plugin").getByText("Subscription", { exact: true }).waitFor();
    });

    it("sends them as a subscription's connection parameters", async () => {
      const page = await visit(fermi);
      await page.newTab("subscription Pools { poolChanges { warm } }");
      await page.press();
      await page.shows(({ status }) => status?.startsWith("ended: connection closed (44") === true);
      await page.setHeaders({ authorization: `Bearer ${token}`, "x-of-mine": "1" });
      await page.press();
      await page.shows(({ status }) => status === "listening");
      expect(JSON.parse(page.connectionInits.at(-1) ?? "")).toEqual({
        type: "connection_init",
        payload: { authorization: `Bearer ${token}`, "x-of-mine": "1" },
      });
    });

    it("writes neither headers nor variables nor secrets of a call to the browser's storage", async () => {
      const page = await visit(fermi);
      await page.setHeaders({ authorization: `Bearer ${token}` });
      await page.newTab("query Named($s: String!) { functions(search: $s) { totalCount } }");
      await page.setVariables({ s: "of-the-variables" });
      await page.setHeaders({ authorization: `Bearer ${token}` });
      await page.press();
      await page.shows(({ data }) => data !== undefined);
      await page.newTab(
        'mutation Call { invokeFunction(input: {function: "nowhere", headers: [{name: "k", value: "of-the-call"}]}) { id } }',
      );
      await page.run();
      await page.hasStoredTabs("Call");
      const kept = await page.stored();
      expect(kept.local).toContain("query Named");
      expect(kept.local).not.toContain("of-the-variables");
      expect(kept.local).not.toContain("of-the-call");
      expect(kept.local + kept.session).not.toContain(token);
    });
  });
});
