// Turns a feed's rows and the unsent commands into what the log draws: days, events, messages.
import type { Author, Entry, Message } from '../../shared/gen/posthouse.ts';
import type { Pending, Row } from '../../shared/api.ts';
import { sameDay } from '../state/days.ts';

/** Messages of one author this close together are drawn as one block. */
const BLOCK_MS = 3 * 60_000;

export type Side = 'visitor' | 'own' | 'agent';

export interface Said {
  kind: 'said';
  id: string;
  side: Side;
  author: Author | undefined;
  atMs: number;
  /** First of its block: has the name over it. */
  first: boolean;
  note: boolean;
  gone: boolean;
  message?: Message;
  key: string;
  publicIndex: number;
  pending?: Pending;
}

export type Item =
  { kind: 'day'; id: string; atMs: number } | { kind: 'event'; id: string; entry: Entry } | Said;

/** What is drawn, top to bottom; `own` is the reader's agent number. */
export function itemsOf(rows: readonly Row[], pending: readonly Pending[], own: number): Item[] {
  const items: Item[] = [];
  let last = 0;
  let block: Said | undefined;
  const put = (atMs: number, item: Item) => {
    if (!last || !sameDay(last, atMs)) {
      items.push({ kind: 'day', id: `day${item.id}`, atMs });
      block = undefined;
    }
    last = atMs;
    if (item.kind === 'said') {
      item.first = !block || !joins(block, item);
      block = item;
    } else block = undefined;
    items.push(item);
  };
  const sent = new Set<string>();
  let given = 0;
  for (const row of rows) {
    sent.add(row.entry.key);
    // A transfer to an agent says what the assignment after it would repeat.
    const repeats = given > 0 && row.entry.assigned?.agent === given;
    given = row.entry.transferred?.toAgent ?? 0;
    if (repeats) continue;
    const item = itemOf(row, own);
    if (item) put(row.entry.atMs, item);
  }
  for (const command of pending) {
    if (sent.has(command.key)) continue;
    const said = unsent(command, own);
    if (said) put(Math.max(last, command.atMs), said);
  }
  return items;
}

function itemOf({ index, publicIndex, entry }: Row, own: number): Item | undefined {
  const { message, note, tombstone, author, key, atMs } = entry;
  const id = `r${index}`;
  if (message || note || tombstone) {
    const shown: Said = {
      kind: 'said',
      id,
      side: sideOf(author, own),
      author,
      atMs,
      first: true,
      note: !!note,
      gone: !!tombstone,
      key,
      publicIndex,
    };
    const text = message ?? (note ? { text: note.text } : undefined);
    if (text) shown.message = text;
    return shown;
  }
  if (entry.recalled || entry.profile) return undefined;
  return { kind: 'event', id, entry };
}

function unsent(pending: Pending, own: number): Said | undefined {
  const { message, note } = pending.command;
  if (!message && !note) return undefined;
  return {
    kind: 'said',
    id: `p${pending.key}`,
    side: 'own',
    author: { agent: own, name: '' },
    atMs: pending.atMs,
    first: true,
    note: !!note,
    gone: false,
    message: (message as Message | undefined) ?? { text: note?.text ?? '' },
    key: pending.key,
    publicIndex: 0,
    pending,
  };
}

function sideOf(author: Author | undefined, own: number): Side {
  if (author?.agent === own) return 'own';
  return author?.visitor !== undefined ? 'visitor' : 'agent';
}

function joins(block: Said, next: Said): boolean {
  const same = block.side === next.side && block.note === next.note;
  return same && block.author?.agent === next.author?.agent && next.atMs - block.atMs < BLOCK_MS;
}

/** Text in pieces: plain, and http(s) addresses to link. */
export function pieces(text: string): { text: string; href?: string }[] {
  const out: { text: string; href?: string }[] = [];
  let from = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"'，。；！？、）】」]+/g)) {
    const raw = match[0].replace(/[.,;:!?)\]]+$/, '');
    if (!URL.canParse(raw)) continue;
    if (match.index > from) out.push({ text: text.slice(from, match.index) });
    out.push({ text: raw, href: raw });
    from = match.index + raw.length;
  }
  if (from < text.length) out.push({ text: text.slice(from) });
  return out;
}

/** "840 B", "12 KB", "3.4 MB". */
export function fileSize(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 * 1024) return `${Math.round(bytes / 1024)} KB`;
  return `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

const PICTURES = new Set(['image/png', 'image/jpeg', 'image/gif', 'image/webp']);

/** Types a browser draws without running anything in them. */
export const isPicture = (mediaType: string) => PICTURES.has(mediaType);
