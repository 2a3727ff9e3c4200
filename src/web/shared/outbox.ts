// Commands without an ack (R8): stored before the first send, one in flight per conversation so that
// the writer's order is kept, sent again under the same key until an ack or a final refusal.
import { type ClientFrame, type Refused } from './gen/posthouse.ts';
import type { Part } from './codec.ts';
import type { OutboxItem, Store } from './store.ts';

const ANSWER_MS = 10_000;
const NO_CONVERSATION = 1003;

interface Carrier {
  /** Sends over the connection at hand; false = there is none. */
  send(frame: Part<ClientFrame>): boolean;
  /** Sends over HTTP whatever the connection says; answers come as frames. */
  post(frames: Part<ClientFrame>[]): Promise<void>;
}

export class Outbox {
  items: OutboxItem[] = [];
  /** Conversations the server knows: their commands go without an opening. */
  readonly opened = new Set<string>();
  readonly #flying = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #store: Store;
  readonly #carrier: Carrier;
  readonly #changed: () => void;

  /** `changed` is called after each change. */
  constructor(store: Store, carrier: Carrier, changed: () => void) {
    this.#store = store;
    this.#carrier = carrier;
    this.#changed = changed;
  }

  /** Adds what other tabs and earlier pages left. */
  async load(): Promise<void> {
    this.merge(await this.#store.outbox());
  }

  merge(items: OutboxItem[]): void {
    for (const item of items) {
      // What was acknowledged, and is not waited for here, does not come back.
      if (item.index && !this.#find(item.key)) continue;
      this.items = [...this.items.filter((known) => known.key !== item.key), item];
    }
    this.items.sort((a, b) => (a.key < b.key ? -1 : 1));
    this.#changed();
  }

  /** Durable first, shown and sent after. */
  async add(item: OutboxItem): Promise<void> {
    await this.#store.keep(item);
    this.merge([item]);
  }

  /** The server has it; it stays on the screen until its row is told. */
  acked(key: string, index: number): void {
    const item = this.#find(key);
    if (!item) return;
    this.#landed(key);
    this.merge([{ ...item, index }]);
    void this.#store.drop(key);
  }

  /** Its row is told, or the visitor gave it up. */
  remove(key: string): boolean {
    this.#landed(key);
    const rest = this.items.filter((item) => item.key !== key);
    if (rest.length === this.items.length) return false;
    this.items = rest;
    this.#changed();
    void this.#store.drop(key);
    return true;
  }

  /** A refusal with a time comes back by itself; a final one stays until retry or discard. */
  refused({ key, code, sentence, retryAfterMs }: Refused): void {
    const item = this.#find(key);
    if (!item) return;
    if (retryAfterMs) {
      this.#wait(key, retryAfterMs, () => this.#again(key));
    } else if (code === NO_CONVERSATION && item.opening && this.opened.delete(item.conversation)) {
      // The server was restored to a time before this conversation: open it again.
      this.#again(key);
    } else {
      this.#landed(key);
      void this.add({ ...item, refused: { code, sentence } }).then(() => this.pump());
    }
  }

  /** Sends the oldest of each conversation that is not on its way. */
  pump(): void {
    const seen = new Set<string>();
    for (const item of this.items) {
      if (item.refused || item.index || seen.has(item.conversation)) continue;
      seen.add(item.conversation);
      if (!this.#flying.has(item.key)) this.#send(item);
    }
  }

  /** The connection is gone: everything is to be sent again. */
  ground(): void {
    for (const key of [...this.#flying.keys()]) this.#landed(key);
  }

  #find(key: string): OutboxItem | undefined {
    return this.items.find((known) => known.key === key);
  }

  #send(item: OutboxItem): void {
    const opening = !this.opened.has(item.conversation);
    const frame = {
      submit: {
        conversation: item.conversation,
        key: item.key,
        command: item.command,
        ...(opening && item.opening && { opening: item.opening }),
      },
    };
    if (!this.#carrier.send(frame)) return;
    this.#wait(item.key, ANSWER_MS, () => {
      this.#wait(item.key, ANSWER_MS, () => this.#again(item.key));
      this.#carrier.post([frame]).catch(() => this.#again(item.key));
    });
  }

  #wait(key: string, ms: number, then: () => void): void {
    clearTimeout(this.#flying.get(key));
    this.#flying.set(key, setTimeout(then, ms));
  }

  #landed(key: string): void {
    clearTimeout(this.#flying.get(key));
    this.#flying.delete(key);
  }

  #again(key: string): void {
    this.#landed(key);
    this.pump();
  }
}
