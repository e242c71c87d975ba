/** What one side may be asked, each with one thing given. */
export type Answers<T> = { readonly [Question in keyof T]: (given: never) => Promise<unknown> };

type Given<F> = F extends (given: infer G) => Promise<unknown> ? G : never;
type Gets<F> = F extends (given: never) => Promise<infer G> ? G : never;

export interface ChannelParts<Ours, Heard> {
  /** Hands a message over; `sent` is called once it is on its way, or cannot be. Messages arrive in order. */
  readonly send: (message: object, sent: (error: Error | null) => void) => void;
  readonly answers: Ours;
  readonly hear: (told: Heard) => void;
  /** Called right before an answer leaves: what it rests on is told first. */
  readonly beforeAnswer?: () => void;
}

type Message = { readonly ask: string; readonly id: number; readonly given: unknown } | { readonly answer: number; readonly value?: unknown; readonly problem?: string } | { readonly tell: unknown };

interface Waiting {
  readonly settle: (value: unknown) => void;
  readonly fail: (error: Error) => void;
}

/** One end of the way between the primary and a worker: tells, asks and answers. Both ends are the same program, so messages are what they say. */
export class Channel<Theirs extends Answers<Theirs>, Ours extends Answers<Ours>, Told, Heard> {
  readonly #parts: ChannelParts<Ours, Heard>;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;
  #closed: Error | undefined;

  constructor(parts: ChannelParts<Ours, Heard>) {
    this.#parts = parts;
  }

  /** Takes what the other end has sent. */
  receive(message: unknown): void {
    const received = message as Message;
    if ("tell" in received) return this.#parts.hear(received.tell as Heard);
    if ("ask" in received) return void this.#answer(received);
    const waiting = this.#waiting.get(received.answer);
    if (received.problem === undefined) waiting?.settle(received.value);
    else waiting?.fail(new Error(received.problem));
  }

  /** Resolves once it is on its way; then also when it cannot be: whoever is gone needs to hear nothing. */
  tell(told: Told): Promise<void> {
    return new Promise((resolve) => this.#send({ tell: told }, () => resolve()));
  }

  /** Rejects with what went wrong there, when nothing comes within `ms`, and when the other end is gone. */
  ask<Question extends keyof Theirs & string>(question: Question, given: Given<Theirs[Question]>, ms: number): Promise<Gets<Theirs[Question]>> {
    const id = ++this.#last;
    return new Promise<unknown>((settle, fail) => {
      if (this.#closed) return fail(this.#closed);
      const timer = setTimeout(() => fail(new Error(`no answer to \`${question}\` within ${Math.round(ms)} ms`)), ms).unref();
      this.#waiting.set(id, { settle: (value) => (clearTimeout(timer), settle(value)), fail: (error) => (clearTimeout(timer), fail(error)) });
      this.#send({ ask: question, id, given }, (error) => error && fail(error));
    }).finally(() => this.#waiting.delete(id)) as Promise<Gets<Theirs[Question]>>;
  }

  /** The other end is gone. */
  close(reason: Error): void {
    this.#closed = reason;
    for (const { fail } of [...this.#waiting.values()]) fail(reason);
  }

  async #answer({ ask, id, given }: { readonly ask: string; readonly id: number; readonly given: unknown }): Promise<void> {
    const { answers, beforeAnswer } = this.#parts;
    let message: Message;
    try {
      message = { answer: id, value: await answers[ask as keyof Ours](given as never) };
    } catch (error) {
      message = { answer: id, problem: error instanceof Error ? error.message : String(error) };
    }
    beforeAnswer?.();
    this.#send(message, () => undefined);
  }

  #send(message: Message, sent: (error: Error | null) => void): void {
    if (this.#closed) return sent(this.#closed);
    this.#parts.send(message, sent);
  }
}
