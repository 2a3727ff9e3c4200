// What one scope keeps in IndexedDB: feeds' places, their rows, and the outbox. A feed's rows and its
// place change in one transaction. When the browser refuses, the session goes on in memory.
import type { Part } from './codec.ts';
import type { Mark, Opening, Snapshot } from './gen/posthouse.ts';
import type { FeedName } from './id.ts';
import type { Pending } from './api.ts';

/** How far a feed is known; epoch '' = nothing is. */
export interface Place {
  epoch: string;
  index: number;
  /** State the rows build on, without its entries. */
  snapshot?: Snapshot;
  /** Latest mark of each reader. */
  marks: Mark[];
}

/** A row with its entry as the server encoded it, so that a later client reads what this one cannot. */
export interface StoredRow {
  index: number;
  publicIndex: number;
  raw: Uint8Array;
}

/** What one feed's transaction writes. */
export interface Change {
  feed: FeedName;
  place: Place;
  rows: StoredRow[];
  /** The rows replace all rows of the feed. */
  replace: boolean;
}

export interface OutboxItem extends Pending {
  opening?: Part<Opening>;
}

const OPEN_MS = 3_000;

/** Name of the scope's database. */
export const databaseName = (scope: string) => `posthouse ${scope}`;

export class Store {
  volatile = false;
  #db: IDBDatabase | undefined;
  #opening: Promise<void> | undefined;
  readonly #scope: string;
  readonly #failed: () => void;

  /** `failed` is called once, when storage turns out not to work. */
  constructor(scope: string, failed: () => void) {
    this.#scope = scope;
    this.#failed = failed;
  }

  open(): Promise<void> {
    return (this.#opening ??= this.#open());
  }

  async #open(): Promise<void> {
    try {
      this.#db = await new Promise<IDBDatabase>((resolve, reject) => {
        setTimeout(reject, OPEN_MS);
        const request = indexedDB.open(databaseName(this.#scope), 1);
        request.onupgradeneeded = () => {
          const db = request.result;
          db.createObjectStore('feeds');
          db.createObjectStore('rows');
          db.createObjectStore('outbox', { keyPath: 'key' });
        };
        request.onsuccess = () => resolve(request.result);
        request.onerror = request.onblocked = reject;
      });
      this.#db.onversionchange = () => this.close();
    } catch {
      this.#fail();
    }
  }

  close(): void {
    this.#db?.close();
    this.#db = undefined;
  }

  /** The feed's place and the rows that build on its snapshot; undefined = nothing is stored. */
  async load(feed: FeedName): Promise<{ place: Place; rows: StoredRow[] } | undefined> {
    const place = await this.#run<Place>('readonly', (tx) => tx.objectStore('feeds').get(feed));
    const rows = await this.#run<StoredRow[]>('readonly', (tx) =>
      tx.objectStore('rows').getAll(rowsOf(feed)),
    );
    return place && rows && { place, rows };
  }

  save(changes: Change[]): Promise<unknown> {
    return this.#run('readwrite', (tx) => {
      const rows = tx.objectStore('rows');
      for (const change of changes) {
        if (change.replace) rows.delete(rowsOf(change.feed));
        for (const row of change.rows) rows.put(row, [change.feed, row.index]);
        tx.objectStore('feeds').put(change.place, change.feed);
      }
    });
  }

  async outbox(): Promise<OutboxItem[]> {
    const all = (tx: IDBTransaction) => tx.objectStore('outbox').getAll();
    return (await this.#run<OutboxItem[]>('readonly', all)) ?? [];
  }

  keep(item: OutboxItem): Promise<unknown> {
    return this.#run('readwrite', (tx) => tx.objectStore('outbox').put(item));
  }

  drop(key: string): Promise<unknown> {
    return this.#run('readwrite', (tx) => tx.objectStore('outbox').delete(key));
  }

  erase(): Promise<unknown> {
    return this.#run('readwrite', (tx) => {
      for (const name of ['feeds', 'rows', 'outbox']) tx.objectStore(name).clear();
    });
  }

  #fail(): void {
    if (this.volatile) return;
    this.volatile = true;
    this.#failed();
  }

  /** Result of the request that `work` returns, after the transaction committed. */
  async #run<T>(
    mode: IDBTransactionMode,
    work: (tx: IDBTransaction) => IDBRequest | void,
  ): Promise<T | undefined> {
    await this.open();
    if (!this.#db) return;
    try {
      return await new Promise<T>((resolve, reject) => {
        const tx = this.#db!.transaction(['feeds', 'rows', 'outbox'], mode);
        const request = work(tx);
        tx.oncomplete = () => resolve(request?.result);
        tx.onabort = tx.onerror = reject;
      });
    } catch {
      this.#fail();
      return;
    }
  }
}

function rowsOf(feed: FeedName): IDBKeyRange {
  return IDBKeyRange.bound([feed, 0], [feed, Infinity]);
}
