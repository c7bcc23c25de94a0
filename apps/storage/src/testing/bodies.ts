/** A sender whose bytes the test lets through one chunk at a time. */
export class HandFedBody implements AsyncIterable<Uint8Array> {
  private readonly waiting: {
    resolve: (result: IteratorResult<Uint8Array>) => void;
    reject: (error: unknown) => void;
  }[] = [];
  private readonly ready: (() => Promise<IteratorResult<Uint8Array>>)[] = [];
  /** How often the reader has asked for more. */
  asked = 0;
  /** The reader has said that it wants no more. */
  letGo = false;

  send(chunk: Uint8Array | string): this {
    return this.deliver(async () => ({ done: false, value: Buffer.from(chunk) }));
  }

  end(): this {
    return this.deliver(async () => ({ done: true, value: undefined }));
  }

  /** The connection breaks. */
  fail(error = new Error('aborted')): this {
    return this.deliver(() => Promise.reject(error));
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    return {
      next: () => {
        this.asked++;
        const ready = this.ready.shift();
        return ready ? ready() : new Promise((resolve, reject) => this.waiting.push({ resolve, reject }));
      },
      return: async () => {
        this.letGo = true;
        return { done: true, value: undefined };
      },
    };
  }

  private deliver(result: () => Promise<IteratorResult<Uint8Array>>): this {
    const reader = this.waiting.shift();
    if (reader) result().then(reader.resolve, reader.reject);
    else this.ready.push(result);
    return this;
  }
}

/** A sender who sends these chunks and ends. */
export async function* chunksOf(...chunks: (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
}

/** A sender who goes away behind these chunks. */
export async function* brokenOff(...chunks: (Uint8Array | string)[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield Buffer.from(chunk);
  throw new Error('aborted');
}
