// What an entry changes in a conversation's row. The server's `Conversation::apply` is the
// original; here only the fields that lists and headers show.
import { decode } from '../../shared/codec.ts';
import {
  type ConversationRow,
  ConversationRow as Row,
  type Entry,
  type Message,
  STATE_ASSIGNED,
  STATE_QUEUED,
  STATE_RESOLVED,
} from '../../shared/gen/posthouse.ts';

/** Longest preview a list shows, in characters. */
const PREVIEW_LENGTH = 120;

/** A row with the key of the message its preview was taken from, once that is known. */
export type Listed = ConversationRow & { previewKey?: string };

/** A row of which only the id is known. */
export const blankRow = (id: string): Listed => ({ ...decode(Row, new Uint8Array()), id });

/** The row after `entry`; a new object. Applying an entry twice changes nothing more. */
export function applyEntry(row: Listed, entry: Entry): Listed {
  const at = entry.atMs;
  if (entry.opened) {
    const { inbox, team, visitor, profile } = entry.opened;
    const times = { openedMs: at, lastMs: Math.max(at, row.lastMs), queuedMs: at };
    const opened = { ...row, ...times, inbox, team, visitor, state: STATE_QUEUED };
    return profile ? { ...opened, profile } : opened;
  }
  if (entry.message) return afterMessage(row, entry, entry.message);
  if (entry.profile) return { ...row, profile: entry.profile };
  if (entry.queued) {
    return { ...released(row), state: STATE_QUEUED, team: entry.queued.team, queuedMs: at };
  }
  if (entry.assigned) {
    const { agent, team } = entry.assigned;
    const waitingSinceMs = row.awaitsAgent ? at : row.waitingSinceMs;
    return { ...released(row), state: STATE_ASSIGNED, agent, team, waitingSinceMs };
  }
  if (entry.resolved) {
    return { ...released(row), state: STATE_RESOLVED, awaitsAgent: false, waitingSinceMs: 0 };
  }
  if (entry.reopened) return { ...row, state: STATE_QUEUED, queuedMs: at };
  if (entry.rated) return { ...row, rating: entry.rated.score };
  if (entry.recalled) {
    const { targetKey, fullIndex } = entry.recalled;
    return withoutPreview(row, targetKey, fullIndex);
  }
  if (entry.tombstone) return withoutPreview(row, entry.key, 0);
  return row;
}

const released = (row: Listed): Listed =>
  row.agent ? { ...row, agent: 0, lastAgent: row.agent } : row;

function withoutPreview(row: Listed, key: string, fullIndex: number): Listed {
  const shown = row.previewKey ? row.previewKey === key : row.previewIndex === fullIndex;
  return shown ? { ...row, preview: '' } : row;
}

function afterMessage(row: Listed, entry: Entry, message: Message): Listed {
  if (entry.atMs < row.lastMs) return row;
  const said = { lastMs: entry.atMs, preview: previewOf(message), previewKey: entry.key };
  if (entry.author?.visitor !== undefined) {
    const waitingSinceMs = row.waitingSinceMs || entry.atMs;
    return { ...row, ...said, awaitsAgent: true, waitingSinceMs };
  }
  return { ...row, ...said, awaitsAgent: false, waitingSinceMs: 0 };
}

/** The start of a message for lists; a file is its name. */
export function previewOf(message: Message): string {
  const text = message.text ?? message.attachment?.name ?? '';
  return text.replace(/\s+/g, ' ').slice(0, PREVIEW_LENGTH);
}
