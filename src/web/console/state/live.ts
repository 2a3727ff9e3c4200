// The live half: one session of the signed-in agent, what it follows, and where its events go.
import { effect } from '@preact/signals';
import {
  type Command,
  STATUS_AWAY,
  STATUS_OFFLINE,
  STATUS_ONLINE,
} from '../../shared/gen/posthouse.ts';
import { fullFeed, inboxFeed, rosterFeed, teamFeed } from '../../shared/id.ts';
import type { PosthouseSession, Row, SessionEvent } from '../../shared/api.ts';
import { openSession } from '../../shared/session.ts';
import { api, signedOut } from './api.ts';
import { announce } from './alerts.ts';
import { setServerTime } from './clock.ts';
import * as desk from './desk.ts';
import { blankLog, isSupervisor, log, me, openId, outbox, teams } from './desk.ts';
import { converses } from './rights.ts';
import { remember, remembered } from './kept.ts';
import { language } from './language.ts';
import { merge } from './merge.ts';
import { complain } from './toasts.ts';
import { countArrivals, forgetArrivals } from './unread.ts';
import { conversationFrom } from './wire-json.ts';

/** The server's code for a sign-in that is over. */
const BAD_TOKEN = 1104;

let session: PosthouseSession | null = null;
let endListening: (() => void)[] = [];
/** Team feeds that are followed, and feeds that have caught up once since the page was loaded. */
const followed = new Set<number>();
const caughtUp = new Set<string>();
const asked = new Set<string>();

/** Connects as the signed-in agent; what the browser kept is shown at once. */
export async function startDesk(): Promise<void> {
  const agent = me.value;
  if (!agent || session) return;
  session = openSession({
    base: location.origin,
    client: `console/${__VERSION__}`,
    scope: `console:${location.host}:${agent.id}`,
    language: language.peek(),
  });
  endListening = [session.listen(on), effect(followTeams), effect(fetchIncomplete)];
  await session.start();
  const own = converses.value ? [session.follow(inboxFeed(agent.id))] : [];
  await Promise.all([session.follow(rosterFeed), ...own]);
}

/** Ends the connection; `forget` also deletes what the browser kept (sign-out). */
export async function stopDesk(forget: boolean): Promise<void> {
  const ended = session;
  session = null;
  for (const end of endListening) end();
  endListening = [];
  followed.clear();
  caughtUp.clear();
  asked.clear();
  desk.clearDesk();
  forgetArrivals();
  log.value = null;
  if (forget) await ended?.erase();
  else ended?.stop();
}

function followTeams(): void {
  const own = me.value?.teams ?? [];
  const every = [...teams.value.values()].filter((team) => !team.disabled).map((team) => team.id);
  const wanted = new Set(isSupervisor.value ? [...own, ...every] : own);
  for (const team of wanted) {
    if (followed.has(team)) continue;
    followed.add(team);
    void session?.follow(teamFeed(team));
  }
  for (const team of [...followed]) {
    if (wanted.has(team)) continue;
    followed.delete(team);
    session?.unfollow(teamFeed(team));
    desk.dropView(teamFeed(team));
  }
}

/** A transfer brings conversations that only their events are known of. */
function fetchIncomplete(): void {
  for (const id of desk.incomplete.value) {
    if (asked.has(id)) continue;
    asked.add(id);
    api<unknown>('GET', `/v1/conversations/${id}`)
      .then((json) => desk.takeFetched([conversationFrom(json)]))
      .catch(() => asked.delete(id));
  }
}

function on(event: SessionEvent): void {
  switch (event.type) {
    case 'link':
      desk.link.value = event.link;
      if (event.link.state === 'refused' && event.link.code === BAD_TOKEN) signedOut.value += 1;
      break;
    case 'welcome':
      setServerTime(event.welcome.serverMs);
      if (converses.value) setStatus(wantedStatus());
      break;
    case 'snapshot':
      desk.takeSnapshot(event.snapshot);
      // A snapshot may be older than the status this console has just told.
      for (const item of event.snapshot.presence) {
        if (item.agent !== me.peek()?.id) takePresence(item);
      }
      if (event.feed === openFeed()) {
        const { epoch } = event.snapshot;
        log.value = { ...log.value!, epoch, rows: [], ready: false, delivered: 0, read: 0 };
        for (const mark of event.snapshot.marks) takeMark(mark);
      }
      break;
    case 'rows':
      takeRows(event.feed, event.rows);
      break;
    case 'caught_up':
      caughtUp.add(event.feed);
      if (event.feed === openFeed()) log.value = { ...log.value!, ready: true };
      break;
    case 'feed_refused':
      if (event.feed === openFeed()) {
        const { code, sentence } = event;
        log.value = { ...log.value!, ready: true, refused: { code, sentence } };
      }
      break;
    case 'mark':
      takeMark(event.mark);
      break;
    case 'typing':
      takeTyping(event.typing);
      break;
    case 'presence':
      takePresence(event.presence);
      break;
    case 'outbox':
      outbox.value = event.pending;
      complainOfActions();
      break;
    case 'ack':
    case 'queue_place':
      break;
    case 'storage':
      desk.volatile.value = event.volatile;
      break;
  }
}

const openFeed = () => (openId.peek() ? fullFeed(openId.peek()!) : '');

function takeRows(feed: string, rows: Row[]): void {
  const entries = rows.map((row) => row.entry);
  desk.takeEntries(feed, rows);
  if (feed === openFeed() && log.value) {
    log.value = { ...log.value, rows: merge(log.value.rows, rows) };
    if (entries.some((entry) => entry.message && entry.author?.visitor)) setTyping(null);
  }
  if (caughtUp.has(feed)) for (const entry of entries) announce(feed, entry);
  if (feed === inboxFeed(me.peek()?.id ?? 0)) countArrivals(entries, me.peek()?.id ?? 0);
}

function takeMark(mark: {
  conversation: string;
  reader?: { visitor?: string };
  delivered: number;
  read: number;
}): void {
  const open = log.value;
  if (open?.id !== mark.conversation || mark.reader?.visitor === undefined) return;
  const delivered = Math.max(open.delivered, mark.delivered);
  log.value = { ...open, delivered, read: Math.max(open.read, mark.read) };
}

/** A preview that is not renewed goes away: the page may have been closed. */
const TYPING_LASTS_MS = 8_000;
let typingEnds = 0;

function takeTyping(typing: {
  conversation: string;
  preview: string;
  active: boolean;
  author?: { visitor?: string };
}): void {
  if (typing.conversation !== openId.peek() || typing.author?.visitor === undefined) return;
  setTyping(typing.active ? typing.preview : null);
}

function setTyping(preview: string | null): void {
  clearTimeout(typingEnds);
  if (preview !== null) typingEnds = window.setTimeout(() => setTyping(null), TYPING_LASTS_MS);
  if (log.value && log.value.typing !== preview) log.value = { ...log.value, typing: preview };
}

function takePresence(item: {
  agent: number;
  status: number;
  conversation: string;
  visitorOnline: boolean;
}): void {
  if (item.agent) desk.presence.value = new Map(desk.presence.value).set(item.agent, item.status);
  if (!item.conversation) return;
  const here = new Set(desk.visitorsHere.value);
  if (item.visitorOnline) here.add(item.conversation);
  else here.delete(item.conversation);
  desk.visitorsHere.value = here;
}

/** A refused action (not a message) is told once; a refused message stays in its place. */
function complainOfActions(): void {
  for (const { key, command, refused } of outbox.value) {
    if (!refused || command.message || command.note) continue;
    complain({ what: refused.sentence, remedy: '', code: refused.code, retry_after_ms: 0 });
    void session?.discard(key);
  }
}

// ---- What the screens call

export function openConversation(id: string | null): void {
  const before = openFeed();
  if (id === openId.peek()) return;
  if (before) {
    session?.unfollow(before);
    desk.dropView(before);
    caughtUp.delete(before);
  }
  setTyping(null);
  openId.value = id;
  log.value = id ? { ...blankLog, id } : null;
  if (id) void session?.follow(fullFeed(id));
}

/** Older rows of the open conversation; false when there are none. */
export async function loadOlder(): Promise<boolean> {
  const open = log.value;
  const first = open?.rows[0]?.index ?? 0;
  if (!open || !session || first <= 1) return false;
  const older = await session.before(fullFeed(open.id), first);
  if (log.value?.id === open.id) log.value = { ...log.value, rows: merge(log.value.rows, older) };
  return older.length > 0;
}

/** Drops the oldest rows of a long log while its end is shown; they come back by `loadOlder`. */
export function trimLog(most: number): void {
  if (log.value && log.value.rows.length > most) {
    log.value = { ...log.value, rows: log.value.rows.slice(-Math.floor(most / 2)) };
  }
}

export const submit = (conversation: string, command: Partial<Command>) =>
  session?.submit(conversation, command) ?? Promise.reject(new Error('signed out'));
export const retry = (key: string) => void session?.retry(key);
export const discard = (key: string) => void session?.discard(key);
export const sayTyping = (conversation: string, active: boolean) =>
  session?.typing(conversation, '', active);

/** Tells that everything up to this index of the public feed was shown. */
export function markRead(conversation: string, publicIndex: number): void {
  session?.mark(conversation, log.peek()?.epoch ?? '', publicIndex, publicIndex);
}

function wantedStatus(): number {
  const kept = remembered('status');
  return kept === 'away' ? STATUS_AWAY : kept === 'offline' ? STATUS_OFFLINE : STATUS_ONLINE;
}

export function setStatus(status: number): void {
  remember(
    'status',
    status === STATUS_ONLINE ? 'online' : status === STATUS_AWAY ? 'away' : 'offline',
  );
  session?.setStatus(status);
  const own = me.value?.id ?? 0;
  desk.presence.value = new Map(desk.presence.value).set(own, status);
}
