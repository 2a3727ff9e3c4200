// What the session library offers to widget and console. One session per page and scope; of all tabs
// of a browser one leads (holds the connection), the others follow through IndexedDB.
import type { Part } from './codec.ts';
import type { FeedName } from './id.ts';
import type {
  Command,
  Entry,
  Mark,
  Opening,
  Presence,
  QueuePlace,
  Snapshot,
  Typing,
  Welcome,
} from './gen/posthouse.ts';

export interface SessionOptions {
  /** Origin of the server, without a slash at the end: "https://desk.example". */
  base: string;
  /** Name and version of the client: "widget/0.1.0". */
  client: string;
  /** Names database, lock and channel: one per server and inbox, or per server and agent. */
  scope: string;
  /** BCP 47 tag; refusals come in this language. */
  language: string;
  /** Inbox of a visitor's page; left out by agents. */
  inboxKey?: string;
  /** A visitor's token, 64 hexadecimal digits; asked before each connection, a rejection is retried
   * with backoff. Left out by agents, who have a cookie. `rejected` = the server refused the last one. */
  token?: (rejected: boolean) => Promise<string>;
}

/** An entry in its place. Rows of a feed are dense; a row may come again, changed (tombstone). */
export interface Row {
  index: number;
  /** In a full feed the entry's index in the public feed, 0 = internal; in a public feed = index. */
  publicIndex: number;
  entry: Entry;
}

/** A command that has no ack yet, or a message whose row is on its way. What has no ack is durable in
 * this browser unless storage is volatile. */
export interface Pending {
  key: string;
  conversation: string;
  command: Command;
  /** Milliseconds since 1970 by this browser's clock. */
  atMs: number;
  /** Its place, once it is on the server's disk and until its row is told. */
  index?: number;
  /** Set when the server refused it for good: shown with `retry` and `discard`. */
  refused?: { code: number; sentence: string };
}

export interface Link {
  /** idle: not started or following another tab that is not live yet; refused: will not come back. */
  state: 'idle' | 'connecting' | 'live' | 'waiting' | 'refused';
  transport: 'socket' | 'http';
  /** When the next try is due (waiting), by this browser's clock. */
  retryAtMs?: number;
  /** Why it was closed or refused, from the table of codes. */
  code?: number;
  sentence?: string;
}

export type SessionEvent =
  | { type: 'link'; link: Link }
  | { type: 'welcome'; welcome: Welcome }
  /** Replaces everything known of the feed; its entries come as the `rows` event that follows. */
  | { type: 'snapshot'; feed: FeedName; snapshot: Snapshot }
  | { type: 'rows'; feed: FeedName; rows: Row[] }
  | { type: 'caught_up'; feed: FeedName }
  | { type: 'feed_refused'; feed: FeedName; code: number; sentence: string }
  | { type: 'mark'; mark: Mark }
  | { type: 'typing'; typing: Typing }
  | { type: 'presence'; presence: Presence }
  | { type: 'queue_place'; place: QueuePlace }
  /** A command reached the server's disk; its row may come before or after. A message that is shown
   * stays among the pending ones, with its index, until its row is told. */
  | { type: 'ack'; conversation: string; key: string; index: number; atMs: number }
  /** All pending commands, oldest first. */
  | { type: 'outbox'; pending: Pending[] }
  /** Whether rows and outbox live in memory only (private mode, quota, no IndexedDB). */
  | { type: 'storage'; volatile: boolean };

export interface PosthouseSession {
  readonly link: Link;
  readonly pending: readonly Pending[];
  /** Returns the function that ends it. The state at hand is told at once. */
  listen(listener: (event: SessionEvent) => void): () => void;
  /** Opens the store, takes or awaits the lead, connects, sends what the outbox holds. */
  start(): Promise<void>;
  /** Ends connection and lead; rows and outbox stay. */
  stop(): void;
  /** Sign-out: stop and delete everything stored under the scope. */
  erase(): Promise<void>;
  /** Emits what is stored (snapshot, rows), then what is missing and what happens. `exists` false =
   * a conversation that this client opens with its first message. */
  follow(feed: FeedName, exists?: boolean): Promise<void>;
  unfollow(feed: FeedName): void;
  /** Puts the command in the outbox, then sends it; resolves with its key once it is stored. The
   * opening goes along until the conversation's first ack. */
  submit(conversation: string, command: Part<Command>, opening?: Part<Opening>): Promise<string>;
  /** Sends a refused command again under its key. */
  retry(key: string): Promise<void>;
  /** Forgets a refused command. */
  discard(key: string): Promise<void>;
  /** Cumulative marks in indices of the public feed as its snapshot of this epoch counts them;
   * coalesced, at most one a second. */
  mark(conversation: string, epoch: string, delivered: number, read: number): void;
  /** Throttled; call on every input, with '' and false at the end. */
  typing(conversation: string, preview: string, active: boolean): void;
  setStatus(status: number): void;
  /** Up to 100 rows before `index`, oldest first, from the server; not stored. */
  before(feed: FeedName, index: number): Promise<Row[]>;
  /** Where a request goes and the headers that authenticate it; for XMLHttpRequest. */
  locate(path: string): Promise<{ url: string; headers: Record<string, string> }>;
  /** An authenticated request to the server, as attachments and history use it. */
  request(path: string, init?: RequestInit): Promise<Response>;
}
