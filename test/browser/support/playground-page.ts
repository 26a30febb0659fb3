import type { Browser, BrowserContext, Page } from "playwright-core";
import { eventually } from "../../support/harness.js";

/** What the playground's response pane shows: an answer, or a subscription's events. */
export interface Shown {
  readonly data?: Readonly<Record<string, unknown>>;
  readonly errors?: readonly { readonly message: string; readonly extensions: { readonly code: string } }[];
  readonly status?: string;
  readonly received?: number;
  readonly newestFirst?: readonly unknown[];
}

/** The playground as a person uses it: tabs, buttons and editors; and a record of all that the page did by itself. */
export class PlaygroundPage {
  readonly page: Page;
  /** Errors and warnings of the console, refused requests, exceptions: a good visit has none. */
  readonly complaints: string[] = [];
  /** Requests and sockets to anywhere else. */
  readonly foreign: string[] = [];
  readonly workers: string[] = [];
  /** The first message of each socket, which carries its connection parameters. */
  readonly connectionInits: string[] = [];
  readonly #context: BrowserContext;
  readonly #origin: string;

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.#context = context;
    this.#origin = origin;
    this.page = page;
  }

  /** In a context of its own: nothing is remembered from another test. */
  static async open(browser: Browser, url: string): Promise<PlaygroundPage> {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    context.setDefaultTimeout(10_000);
    const playground = new PlaygroundPage(context, await context.newPage(), new URL(url).origin);
    playground.#watch();
    await playground.page.goto(url);
    await playground.#ready();
    return playground;
  }

  async reload(): Promise<void> {
    await this.page.reload();
    await this.#ready();
  }

  close(): Promise<void> {
    return this.#context.close();
  }

  async openTab(title: string): Promise<void> {
    await this.page.getByRole("tab", { name: title }).click();
    await this.page.getByRole("tab", { name: title, selected: true }).waitFor();
    // GraphiQL looks at an operation a moment after it was opened; who is faster gives the tab the name of the one before.
    await eventually(async () => {
      const [text, seen] = await Promise.all([this.#model("operation.graphql"), this.#lastSeen()]);
      if (text !== seen) throw new Error(`GraphiQL has not yet looked at ${text}`);
    });
  }

  async newTab(operation: string): Promise<void> {
    await this.page.getByRole("button", { name: "New tab" }).click();
    await this.#fill(".graphiql-query-editor", operation);
  }

  async setHeaders(headers: object): Promise<void> {
    await this.page.getByRole("button", { name: "Headers", exact: true }).click();
    await this.#fill(
      '.graphiql-editor-tool[aria-label="Headers"] .graphiql-editor:not(.hidden)',
      JSON.stringify(headers),
    );
  }

  async setVariables(variables: object): Promise<void> {
    await this.page.getByRole("button", { name: "Variables", exact: true }).click();
    await this.#fill(
      '.graphiql-editor-tool[aria-label="Variables"] .graphiql-editor:not(.hidden)',
      JSON.stringify(variables),
    );
  }

  /** Presses the button that runs the operation, or stops a subscription. */
  async press(): Promise<void> {
    await this.page.locator(".graphiql-execute-button").click();
  }

  /** Runs the open tab; resolves with its answer. */
  async run(): Promise<Shown> {
    await this.press();
    return this.shows(() => true);
  }

  /** Resolves with what the response pane shows as soon as that is as it should be. */
  shows(isAsItShould: (shown: Shown) => boolean): Promise<Shown> {
    return eventually(async () => {
      const text = await this.#response();
      const shown = JSON.parse(text) as Shown;
      if (!isAsItShould(shown)) throw new Error(`the response pane shows ${text}`);
      return shown;
    }, 15_000);
  }

  /** All that the page has stored in the browser, as text. */
  stored(): Promise<{ local: string; session: string }> {
    return this.page.evaluate(() => {
      const { localStorage, sessionStorage } = globalThis as unknown as Record<string, object>;
      return { local: JSON.stringify(localStorage), session: JSON.stringify(sessionStorage) };
    });
  }

  /** Resolves once the open tabs, with `text` in one of them, would outlive a reload. */
  async hasStoredTabs(text: string): Promise<void> {
    await eventually(async () => {
      const { session } = await this.stored();
      if (!session.includes(text)) throw new Error(`${text} is not in ${session}`);
    });
  }

  #response(): Promise<string> {
    return this.#model("response.json");
  }

  /** The operation that GraphiQL has looked at last. */
  #lastSeen(): Promise<string | null> {
    return this.page.evaluate(() => {
      const { sessionStorage } = globalThis as unknown as { sessionStorage: { getItem(key: string): string | null } };
      return sessionStorage.getItem("graphiql:query");
    });
  }

  /** An editor's text, from its model: its view holds only the lines that are in sight. */
  #model(name: string): Promise<string> {
    return this.page.evaluate((name) => {
      const { __MONACO } = globalThis as unknown as {
        __MONACO: { editor: { getModels(): { uri: { path: string }; getValue(): string }[] } };
      };
      const model = __MONACO.editor.getModels().find(({ uri }) => uri.path.endsWith(name));
      return model?.getValue() ?? "";
    }, name);
  }

  async #fill(editor: string, text: string): Promise<void> {
    await this.page.locator(`${editor} .monaco-editor`).first().click();
    await this.page.keyboard.press("ControlOrMeta+A");
    await this.page.keyboard.press("Delete");
    await this.page.keyboard.insertText(text);
  }

  async #ready(): Promise<void> {
    await this.page.locator(".graphiql-query-editor .view-line").first().waitFor();
    await this.page.locator(".graphiql-execute-button").waitFor();
  }

  #watch(): void {
    const isOwn = (url: string): boolean => {
      const { protocol, host } = new URL(url);
      return !/^(https?|wss?):$/.test(protocol) || host === new URL(this.#origin).host;
    };
    this.#context.on("request", (request) => isOwn(request.url()) || this.foreign.push(request.url()));
    this.page.on("requestfailed", (request) => this.complaints.push(`request failed: ${request.url()}`));
    this.page.on("pageerror", (error) => this.complaints.push(`exception: ${String(error)}`));
    this.page.on("worker", (worker) => this.workers.push(worker.url()));
    this.page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.complaints.push(message.text());
    });
    this.page.on("websocket", (socket) => {
      if (!isOwn(socket.url())) this.foreign.push(socket.url());
      socket.once("framesent", ({ payload }) => this.connectionInits.push(payload.toString()));
    });
  }
}
