// One leader among the tabs of a browser (Web Locks); the others hear it by BroadcastChannel. Where
// either is missing (plain http outside localhost has no Web Locks) every tab leads for itself, which
// keys and cursors make safe.
import type { OutboxItem } from './store.ts';
import type { ClientFrame, Mark } from './gen/posthouse.ts';
import type { SessionEvent } from './api.ts';
import type { FeedName } from './id.ts';
import type { Part } from './codec.ts';

export type TabMessage =
  /** Leader to all: what happened. */
  | { t: 'event'; event: SessionEvent }
  /** Leader to one tab: state of a feed it follows, and of the session. */
  | { t: 'state'; to: string; events: SessionEvent[] }
  /** A new leader asks who follows what. */
  | { t: 'lead' }
  /** A tab asks the leader for the state of the session. */
  | { t: 'hi'; tab: string }
  | { t: 'follow'; tab: string; feed: FeedName; exists: boolean }
  | { t: 'unfollow'; tab: string; feed: FeedName }
  | { t: 'submit'; item: OutboxItem }
  | { t: 'discard'; key: string }
  /** The leader sends it. */
  | { t: 'send'; frame: LossyFrame };

/** A mark, and the epoch whose entries it counts. */
export interface OwnMark extends Mark {
  epoch: string;
}

/** Marks, typing, status: sent when there is a connection, or never. */
export type LossyFrame = Omit<Part<ClientFrame>, 'mark'> & { mark?: OwnMark | undefined };

export class Tabs {
  leads = false;
  #channel: BroadcastChannel | undefined;
  #release: (() => void) | undefined;
  #abort: AbortController | undefined;

  /** Calls `lead` when this tab leads, `hear` for what other tabs say. */
  start(
    scope: string,
    share: boolean,
    lead: () => void,
    hear: (message: TabMessage) => void,
  ): void {
    const begin = () => {
      this.leads = true;
      lead();
    };
    if (!share || !navigator.locks || typeof BroadcastChannel === 'undefined') return begin();
    this.#channel = new BroadcastChannel(`posthouse ${scope}`);
    this.#channel.onmessage = (event) => hear(event.data as TabMessage);
    this.#abort = new AbortController();
    const held = () =>
      new Promise<void>((resolve) => {
        this.#release = resolve;
        begin();
      });
    const { signal } = this.#abort;
    navigator.locks.request(`posthouse ${scope}`, { signal }, held).catch(() => {
      // Aborted by stop, or locks are refused in this context: then lead alone.
      if (!signal.aborted) begin();
    });
  }

  post(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }

  stop(): void {
    this.leads = false;
    this.#channel?.close();
    this.#channel = undefined;
    this.#abort?.abort();
    this.#release?.();
  }
}
