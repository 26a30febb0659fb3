/** Messages and questions between a process and a worker. Each end has one; what one tells, the other hears in that order. */
import type { Socket } from "node:net";
import { AppError } from "../../errors/app-error.js";
import type { Clock } from "../../lib/clock.js";

/** One end of Node's channel: a child process, or `process` in it. */
export interface ChannelEnd {
  send?(message: object, handle?: Socket, options?: object, callback?: (error: Error | null) => void): boolean;
  on(event: "message", listener: (message: unknown, handle: unknown) => void): unknown;
}

export interface ChannelListener<Heard, Asked> {
  onTold(message: Heard, socket: Socket | undefined): void;
  /** A rejection is told to who asks. */
  readonly answers: { readonly [Question in keyof Asked]: () => Promise<Asked[Question]> };
}

type Envelope =
  | { readonly kind: "TELL"; readonly message: unknown }
  | { readonly kind: "ASK"; readonly id: number; readonly question: string }
  | { readonly kind: "ANSWER"; readonly id: number; readonly value: unknown }
  | { readonly kind: "FAILED"; readonly id: number; readonly why: string };

interface Question {
  resolve(value: unknown): void;
  reject(error: AppError): void;
}

/** What this end tells, hears, asks and is asked. */
export class WorkerChannel<Told extends object, Heard, Asks, Asked> {
  #lastId = 0;
  readonly #asked = new Map<number, Question>();
  readonly #answers: ReadonlyMap<string, () => Promise<unknown>>;

  constructor(
    private readonly end: ChannelEnd,
    private readonly clock: Clock,
    private readonly listener: ChannelListener<Heard, Asked>,
  ) {
    this.#answers = new Map(Object.entries<() => Promise<unknown>>(listener.answers));
    end.on("message", (message, handle) => this.#hear(message as Envelope, handle as Socket | undefined));
  }

  /** Does nothing where the other end is gone. */
  tell(message: Told): void {
    this.#send({ kind: "TELL", message });
  }

  /** As `tell`, with a connection. It stays open here, and `onSent` is told when the other end has one of its own. */
  hand(message: Told, socket: Socket, onSent: () => void): void {
    const envelope: Envelope = { kind: "TELL", message };
    this.end.send?.(envelope, socket, { keepOpen: true }, (error) => {
      if (error === null) onSent();
    });
  }

  /** Rejects where no answer comes within the time, or the other end can't give one. */
  ask<Name extends keyof Asks & string>(question: Name, withinMs: number): Promise<Asks[Name]> {
    return new Promise<Asks[Name]>((resolve, reject) => {
      const id = ++this.#lastId;
      const timer = this.clock.after(withinMs, () => settle(() => reject(noAnswer)));
      const settle = (act: () => void): void => {
        timer.stop();
        this.#asked.delete(id);
        act();
      };
      this.#asked.set(id, {
        resolve: (value) => settle(() => resolve(value as Asks[Name])),
        reject: (error) => settle(() => reject(error)),
      });
      this.#send({ kind: "ASK", id, question });
    });
  }

  /** The other end is gone: whoever waits for an answer is told so. */
  close(): void {
    for (const question of [...this.#asked.values()]) question.reject(noAnswer);
  }

  #hear(envelope: Envelope, socket: Socket | undefined): void {
    switch (envelope.kind) {
      case "TELL":
        return this.listener.onTold(envelope.message as Heard, socket);
      case "ASK":
        return void this.#answer(envelope);
      case "ANSWER":
        return this.#asked.get(envelope.id)?.resolve(envelope.value);
      case "FAILED":
        return this.#asked.get(envelope.id)?.reject(new AppError("INTERNAL", envelope.why));
      default:
        return envelope satisfies never;
    }
  }

  async #answer({ id, question }: Extract<Envelope, { kind: "ASK" }>): Promise<void> {
    const answer = this.#answers.get(question) ?? (() => Promise.reject(noAnswer));
    await answer().then(
      (value) => this.#send({ kind: "ANSWER", id, value }),
      (error: unknown) => this.#send({ kind: "FAILED", id, why: error instanceof Error ? error.message : "" }),
    );
  }

  /** A failure is the other end's end, which is noticed elsewhere. */
  #send(envelope: Envelope): void {
    this.end.send?.(envelope, undefined, {}, () => {});
  }
}

const noAnswer = new AppError("INTERNAL", "A process of the router did not answer.");
