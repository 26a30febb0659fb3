/**
 * Brings a function into an image of Fission's contracts: writes its code into the folder that both see, and tells the
 * image's server to load it.
 *
 * Guarantees: the image is told at most once, whatever it answers, because some of its kind accept a second function and
 * would mix the two; nothing is written outside of the folder, and nothing half; a load takes `deadlineMs` at most.
 */
import { AppError } from "../errors/app-error.js";
import type { Clock } from "../lib/clock.js";
import { explainAnswer } from "./explain-answer.js";
import { callImage, isListening, type ImageAddress } from "./image-client.js";
import { placeCode } from "./place-code.js";
import { planCode, type CodePlan, type FissionContract } from "./plan-code.js";
import { readOrder, type LoadOrder } from "./read-order.js";

export interface FetcherOptions {
  readonly contract: FissionContract;
  /** Where the image's server listens. */
  readonly image: ImageAddress;
  /** The folder that both see, as this process sees it. */
  readonly folder: string;
  readonly clock: Clock;
  readonly deadlineMs?: number;
}

/** As an instance of the contract FERMI answers `GET /-/state`. */
export type FetcherState =
  | { readonly state: "generic" | "loading" | "failed" }
  | { readonly state: "specialized"; readonly functionId: string; readonly version: number };

/** As an instance of the contract FERMI answers `POST /specialize`: 200, 400, 409, 422, or 502 where the image is at fault. */
export interface FetcherAnswer {
  readonly status: number;
  /** JSON. */
  readonly body: string;
}

const defaultDeadlineMs = 30_000;

export class Fetcher {
  #state: FetcherState = { state: "generic" };

  constructor(private readonly options: FetcherOptions) {}

  get state(): FetcherState {
    return this.#state;
  }

  /** Whether the image's server takes connections. */
  isReady(): Promise<boolean> {
    return isListening(this.options.image);
  }

  /** `text` is the request's JSON. Rejects with the signal's reason when that aborts, and with what broke the connection. */
  async specialize(text: string, signal?: AbortSignal): Promise<FetcherAnswer> {
    if (this.#state.state !== "generic") return refusal(409, `The instance is not generic: ${this.#state.state}.`);
    let order: LoadOrder;
    let plan: CodePlan;
    try {
      order = readOrder(text);
      plan = planCode(this.options.contract, order, this.options.folder);
    } catch (error) {
      return refusal(error instanceof AppError && error.code === "LOAD_FAILED" ? 422 : 400, messageOf(error));
    }
    this.#state = { state: "loading" };
    let after: FetcherState = { state: "failed" };
    try {
      const answer = (await this.#place(plan, order)) ?? (await this.#load(plan, signal));
      const { function: fn, version } = order;
      if (answer.status === 200) after = { state: "specialized", functionId: fn.id, version };
      return answer;
    } finally {
      this.#state = after;
    }
  }

  async #place(plan: CodePlan, { source }: LoadOrder): Promise<FetcherAnswer | undefined> {
    try {
      await placeCode(this.options.folder, plan, source);
      return undefined;
    } catch (error) {
      return refusal(502, `The code can't be written: ${messageOf(error)}.`);
    }
  }

  async #load({ call }: CodePlan, signal = new AbortController().signal): Promise<FetcherAnswer> {
    const { image, clock, deadlineMs = defaultDeadlineMs } = this.options;
    const deadline = new AbortController();
    const timer = clock.after(deadlineMs, () => deadline.abort());
    try {
      const answer = await callImage(image, call, { clock, signal: AbortSignal.any([signal, deadline.signal]) });
      if (answer.status >= 200 && answer.status < 300) return { status: 200, body: "{}" };
      return refusal(422, explainAnswer(call.path, answer));
    } catch (error) {
      if (signal.aborted || !deadline.signal.aborted) throw error;
      const seconds = deadlineMs / 1_000;
      return (await this.isReady())
        ? refusal(422, `The code did not finish loading within ${seconds} s.`)
        : refusal(502, `The image's server did not listen within ${seconds} s.`);
    } finally {
      timer.stop();
    }
  }
}

const messageOf = (error: unknown): string => (error as Error).message;

const refusal = (status: number, error: string): FetcherAnswer => ({ status, body: JSON.stringify({ error }) });
