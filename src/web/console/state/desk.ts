// What this console knows of the desk, as signals. Each feed keeps its own view of conversations,
// because each is consistent up to its own head; a list shows the best view of each conversation.
import { computed, signal } from '@preact/signals';
import {
  type AgentRow,
  type ConversationRow,
  type Entry,
  type InboxRow,
  ROLE_OWNER,
  ROLE_SUPERVISOR,
  STATE_ASSIGNED,
  STATE_QUEUED,
  STATE_RESOLVED,
  type SiteRow,
  STATUS_OFFLINE,
  type Snapshot,
  type TeamRow,
} from '../../shared/gen/posthouse.ts';
import { feedName, type FeedName, fullFeed, inboxFeed } from '../../shared/id.ts';
import type { Link, Pending, Row } from '../../shared/api.ts';
import { applyEntry, blankRow } from './rows.ts';
import { t } from './language.ts';

export const me = signal<AgentRow | null>(null);
export const site = signal<SiteRow>({
  name: '',
  language: '',
  claimed: true,
  answerTimeoutMs: 180_000,
  separateDuties: false,
});
export const agents = signal(new Map<number, AgentRow>());
export const teams = signal(new Map<number, TeamRow>());
export const inboxes = signal(new Map<number, InboxRow>());
/** Status of each agent who is known to be there. */
export const presence = signal(new Map<number, number>());
/** Conversations whose visitor has the page open. */
export const visitorsHere = signal(new Set<string>());
export const link = signal<Link>({ state: 'idle', transport: 'socket' });
/** Commands without an ack, and messages whose ack came before their row. */
export const outbox = signal<readonly Pending[]>([]);
/** The browser keeps nothing: what has no ack is lost with the page. */
export const volatile = signal(false);
/** What was being written in each conversation, for as long as the page lives. */
export const drafts = new Map<string, string>();
/** The conversation that is open in the message pane. */
export const openId = signal<string | null>(null);

/** The site's own limit, or the server's default of three minutes. */
export const answerLimitMs = computed(() => site.value.answerTimeoutMs || 180_000);
export const isOwner = computed(() => me.value?.role === ROLE_OWNER);
export const isSupervisor = computed(() => isOwner.value || me.value?.role === ROLE_SUPERVISOR);
export const ownStatus = computed(() => presence.value.get(me.value?.id ?? 0) ?? STATUS_OFFLINE);

type View = ReadonlyMap<string, ConversationRow>;
const views = signal(new Map<FeedName, View>());
/** Index of the snapshot that each view began with: its rows hold everything up to there. */
const beginnings = new Map<FeedName, number>();
/** Rows that came by HTTP: the tab "all", its older pages, and single conversations. */
export const fetched = signal<View>(new Map());

/** The best row of every conversation this console has heard of. */
export const rows = computed<View>(() => {
  const mine = inboxFeed(me.value?.id ?? 0);
  const open = openId.value ? fullFeed(openId.value) : '';
  const best = new Map(fetched.value);
  const overlay = (name: FeedName, wanted: (row: ConversationRow) => boolean) => {
    for (const [id, row] of views.value.get(name) ?? []) {
      if (wanted(row)) best.set(id, patched(row, best.get(id)));
    }
  };
  for (const name of views.value.keys()) {
    if (name !== mine && name !== open) overlay(name, () => true);
  }
  overlay(mine, (row) => row.agent === me.value?.id || !best.has(row.id));
  if (open) overlay(open, () => true);
  return best;
});

/** A row that a feed knows only by events takes what is missing from another view. */
function patched(row: ConversationRow, other: ConversationRow | undefined): ConversationRow {
  if (!other) return row;
  const newer = other.lastMs > row.lastMs ? other : row;
  const merged = { ...row, lastMs: newer.lastMs, preview: newer.preview };
  merged.inbox ||= other.inbox;
  merged.visitor ||= other.visitor;
  merged.openedMs ||= other.openedMs;
  if (!merged.profile && other.profile) merged.profile = other.profile;
  return merged;
}

/** A conversation of which only events are known: its row must be fetched. */
export const incomplete = computed(() =>
  [...rows.value.values()].filter((row) => !row.inbox).map((row) => row.id),
);

const byWaiting = (a: ConversationRow, b: ConversationRow) =>
  Number(b.waitingSinceMs > 0) - Number(a.waitingSinceMs > 0) ||
  (a.waitingSinceMs ? a.waitingSinceMs - b.waitingSinceMs : b.lastMs - a.lastMs);

export const mine = computed(() =>
  [...rows.value.values()]
    .filter((row) => row.state === STATE_ASSIGNED && row.agent === me.value?.id)
    .sort(byWaiting),
);
export const queue = computed(() =>
  [...rows.value.values()]
    .filter((row) => row.state === STATE_QUEUED && row.inbox > 0)
    .sort((a, b) => a.queuedMs - b.queuedMs),
);
export const all = computed(() =>
  [...rows.value.values()]
    .filter((row) => row.inbox > 0)
    .sort((a, b) => Math.max(b.lastMs, b.openedMs) - Math.max(a.lastMs, a.openedMs)),
);

/** Takes a snapshot's rows as the whole of what its feed says. */
export function takeSnapshot(snapshot: Snapshot): void {
  const name = snapshot.feed ? feedName(snapshot.feed) : '';
  if (snapshot.agents.length) agents.value = new Map(snapshot.agents.map((row) => [row.id, row]));
  if (snapshot.teams.length) teams.value = new Map(snapshot.teams.map((row) => [row.id, row]));
  if (snapshot.inboxes.length)
    inboxes.value = new Map(snapshot.inboxes.map((row) => [row.id, row]));
  if (snapshot.site) site.value = snapshot.site;
  const view = new Map(snapshot.conversations.map((row) => [row.id, row]));
  beginnings.set(name, snapshot.index);
  views.value = new Map(views.value).set(name, view);
}

/** Applies entries of a feed to its own view, and site rows to the roster. */
export function takeEntries(name: FeedName, fresh: readonly Row[]): void {
  const view = new Map(views.value.get(name));
  const others = new Map(fetched.value);
  for (const { index, entry } of fresh) {
    if (index <= (beginnings.get(name) ?? 0)) continue;
    if (!entry.conversation) takeSiteEntry(entry);
    else {
      const id = entry.conversation;
      if (entry.erased) {
        forgetConversation(id);
        view.delete(id);
        others.delete(id);
        continue;
      }
      view.set(id, applyEntry(view.get(id) ?? rows.peek().get(id) ?? blankRow(id), entry));
      const other = others.get(id);
      if (other && entry.atMs > other.lastMs) others.set(id, applyEntry(other, entry));
    }
  }
  views.value = new Map(views.value).set(name, view);
  fetched.value = others;
}

/** Takes an erased conversation out of everything that is known. */
function forgetConversation(id: string): void {
  drafts.delete(id);
  const without = (view: View) => new Map([...view].filter(([known]) => known !== id));
  views.value = new Map([...views.value].map(([name, view]) => [name, without(view)]));
}

function takeSiteEntry(entry: Entry): void {
  if (entry.agent) {
    agents.value = new Map(agents.value).set(entry.agent.id, entry.agent);
    if (entry.agent.id === me.value?.id) me.value = entry.agent;
  }
  if (entry.team) teams.value = new Map(teams.value).set(entry.team.id, entry.team);
  if (entry.inbox) inboxes.value = new Map(inboxes.value).set(entry.inbox.id, entry.inbox);
  if (entry.site) site.value = entry.site;
}

/** Rows fetched by HTTP join what is known; a feed's view of the same conversation wins. */
export function takeFetched(list: readonly ConversationRow[]): void {
  const next = new Map(fetched.value);
  for (const row of list) next.set(row.id, row);
  fetched.value = next;
}

export function dropView(name: FeedName): void {
  const next = new Map(views.value);
  const view = next.get(name);
  if (view) takeFetched([...view.values()]);
  next.delete(name);
  views.value = next;
}

/** Forgets everything at sign-out. */
export function clearDesk(): void {
  views.value = new Map();
  beginnings.clear();
  fetched.value = new Map();
  presence.value = new Map();
  visitorsHere.value = new Set();
  outbox.value = [];
  drafts.clear();
  openId.value = null;
  link.value = { state: 'idle', transport: 'socket' };
}

/** The name lists show: what the visitor gave, else a short mark of the id. */
export function visitorName(row: ConversationRow | undefined): string {
  const given = row?.profile?.name.trim();
  return given || (row ? t('visitorNumber', { mark: visitorMark(row) }) : '');
}

/** Four digits that tell nameless visitors apart. */
export const visitorMark = (row: ConversationRow) =>
  (row.visitor || row.id).slice(-4).toUpperCase();

export const agentName = (id: number) => agents.value.get(id)?.name || t('agentNumber', { id });
export const teamName = (id: number) => teams.value.get(id)?.name || t('teamNumber', { id });
export const inboxName = (id: number) => inboxes.value.get(id)?.name ?? '';
export const isClosed = (row: ConversationRow | undefined) => row?.state === STATE_RESOLVED;

/** What the message pane shows of one conversation. */
export interface Log {
  id: string;
  /** The server's, as of the snapshot that the rows build on. */
  epoch: string;
  /** Dense, oldest first. */
  rows: readonly Row[];
  /** False until the feed has caught up once. */
  ready: boolean;
  /** Highest index of the public feed that reached, and was shown to, the visitor. */
  delivered: number;
  read: number;
  /** What the visitor is typing. */
  typing: string | null;
  refused?: { code: number; sentence: string };
}
export const log = signal<Log | null>(null);
export const blankLog: Log = {
  id: '',
  epoch: '',
  rows: [],
  ready: false,
  delivered: 0,
  read: 0,
  typing: null,
};
