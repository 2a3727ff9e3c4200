// A followed feed in memory and the apply rule (R7): index = last + 1 is applied, a greater one is
// held, a smaller one was seen already.
import { decode, encode } from './codec.ts';
import { Entry, type Delivery, type Mark, type Snapshot } from './gen/posthouse.ts';
import type { Row } from './api.ts';
import type { Place, StoredRow } from './store.ts';

/** False where visitors' code is built: what only agents keep is left out there. */
declare const __AGENT__: boolean;

export class FeedState implements Place {
  epoch = '';
  index = 0;
  snapshot?: Snapshot;
  marks: Mark[] = [];
  rows = new Map<number, Row>();
  /** Deliveries that came before their predecessors. */
  held = new Map<number, Delivery>();
  /** The server does not know the conversation yet: not to be asked for. */
  absent = false;
  /** Something waits for the next transaction. */
  dirty = false;
  #rows: StoredRow[] = [];
  #replace = false;

  /** The apply rule; returns whether something was applied. */
  deliver(delivery: Delivery): boolean {
    if (delivery.index > this.index) this.held.set(delivery.index, delivery);
    const before = this.index;
    for (let next; this.epoch && (next = this.held.get(this.index + 1));) {
      this.held.delete(next.index);
      this.index = next.index;
      this.#take(next);
    }
    return this.index > before;
  }

  /** A snapshot replaces everything, whatever the epoch was. */
  replace(snapshot: Snapshot): void {
    // What is held of another epoch, and its marks, have indices that mean something else now.
    const other = this.epoch && this.epoch !== snapshot.epoch;
    if (other) this.held.clear();
    const further = other ? [] : this.marks;
    this.epoch = snapshot.epoch;
    this.index = snapshot.index;
    this.marks = snapshot.marks;
    // What came ahead of the snapshot is not taken back.
    for (const mark of further) this.mark(mark);
    this.snapshot = { ...snapshot, entries: [] };
    this.rows.clear();
    this.#anew();
    for (const delivery of snapshot.entries) this.#take(delivery);
    for (const index of this.held.keys()) if (index <= this.index) this.held.delete(index);
  }

  /** Takes in earlier rows; what is gone by now stays gone. */
  earlier(rows: Row[]): Row[] {
    // A recall may have come while the page was on its way.
    const recalled = new Set([...this.rows.values()].map(({ entry }) => entry.recalled?.targetKey));
    return rows.map((row) => {
      const known = this.rows.get(row.index);
      if (known?.entry.tombstone) return known;
      const taken = recalled.has(row.entry.key) ? { ...row, entry: buried(row.entry) } : row;
      this.rows.set(row.index, taken);
      return taken;
    });
  }

  /** Takes over what IndexedDB or another tab knows. */
  restore(place: Place, rows: Row[]): void {
    const { epoch, index, snapshot, marks } = place;
    Object.assign(this, { epoch, index, snapshot, marks });
    for (const row of rows) this.rows.set(row.index, row);
  }

  /** Nothing is known any more. */
  forget(): void {
    this.restore({ epoch: '', index: 0, marks: [] }, []);
    this.rows.clear();
    this.held.clear();
    this.absent = true;
    this.#anew();
  }

  /** Keeps the mark when it goes further than the reader's last one. */
  mark(mark: Mark): boolean {
    const at = this.marks.findIndex((known) => reader(known) === reader(mark));
    const known = this.marks[at];
    if (known && known.read >= mark.read && known.delivered >= mark.delivered) return false;
    const marks = this.marks.filter((item) => item !== known);
    this.marks = [...marks, mark];
    return (this.dirty = true);
  }

  place(): Place {
    const { epoch, index, snapshot, marks } = this;
    return { epoch, index, marks, ...(snapshot && { snapshot }) };
  }

  /** What the next transaction writes. */
  drain(): { rows: StoredRow[]; replace: boolean } {
    const drained = { rows: this.#rows, replace: this.#replace };
    this.#rows = [];
    this.#replace = this.dirty = false;
    return drained;
  }

  #anew(): void {
    this.#rows = [];
    this.#replace = this.dirty = true;
  }

  #take(delivery: Delivery): void {
    const row = toRow(delivery, delivery.entry);
    this.#put(row, delivery.entry);
    if (__AGENT__ && row.entry.erased) {
      const { conversation } = row.entry;
      // Nothing that was said there is kept.
      for (const old of this.rows.values()) {
        if (old === row || old.entry.conversation !== conversation) continue;
        const entry = erased(old.entry);
        this.#put({ ...old, entry }, encode(Entry, entry));
      }
      const conversations = this.snapshot?.conversations.filter(({ id }) => id !== conversation);
      if (conversations) this.snapshot = { ...this.snapshot!, conversations };
    }
    const target = row.entry.recalled?.targetKey;
    if (!target) return;
    for (const old of this.rows.values()) {
      const { key, conversation, message, note } = old.entry;
      if (key !== target || conversation !== row.entry.conversation || !(message || note)) continue;
      const entry = buried(old.entry);
      this.#put({ ...old, entry }, encode(Entry, entry));
    }
  }

  #put(row: Row, raw: Uint8Array): void {
    this.rows.set(row.index, row);
    this.#rows.push({ index: row.index, publicIndex: row.publicIndex, raw });
    this.dirty = true;
  }
}

/** A row from its place and its encoded entry. */
export function toRow(place: { index: number; publicIndex: number }, raw: Uint8Array): Row {
  return { index: place.index, publicIndex: place.publicIndex, entry: decode(Entry, raw) };
}

/** What is left of an entry that was recalled. */
function buried({ message: _, note: __, ...rest }: Entry): Entry {
  return { ...rest, tombstone: { reason: 1 } };
}

/** What is left of an entry when its conversation is erased. */
function erased({ conversation, key, atMs, clockUnset, author }: Entry): Entry {
  const bare = { conversation, key, atMs, clockUnset, tombstone: { reason: 2 } };
  return author ? { ...bare, author: { ...author, name: '' } } : bare;
}

function reader(mark: Mark): string {
  return `${mark.reader?.agent ?? ''}/${mark.reader?.visitor ?? ''}`;
}
