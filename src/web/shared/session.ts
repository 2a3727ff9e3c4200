// A session: followed feeds, outbox and connection, shared by the tabs of a browser. The leading tab
// turns frames into transactions and events; the others repeat its events and write their own outbox.
import type { Link, Pending, PosthouseSession, Row, SessionEvent, SessionOptions } from './api.ts';
import { decode, type Part } from './codec.ts';
import { Connection } from './connection.ts';
import { FeedState, toRow } from './feed.ts';
import * as proto from './gen/posthouse.ts';
import { feedName, fullFeed, newKey, publicFeed, randomId, toFeed, type FeedName } from './id.ts';
import { Outbox } from './outbox.ts';
import { Store, type Change, type OutboxItem } from './store.ts';
import { Tabs, type LossyFrame, type OwnMark, type TabMessage } from './tabs.ts';

/** A hole in a feed, or a head that is ahead of us, is pulled after these times (R7, R9). */
const HOLE_MS = 1_000;
const BEHIND_MS = 2_000;
/** Entries on top of a snapshot until a new one is asked for: bounds memory and the next load. */
const ROWS_PER_SNAPSHOT = 500;
/** The row of an acknowledged message comes within this time, or never. */
const ROW_MS = 10_000;
const MARK_MS = 1_000;
const TYPING_MS = 700;
const LONG_POLL_MS = 25_000;
/** Pause between rounds of HTTP when several feeds are followed. */
const ROUND_MS = 2_000;

/** False where visitors' code is built: what only agents do is left out there. */
declare const __AGENT__: boolean;

/** Opens nothing yet; `start` does. */
export function openSession(options: SessionOptions): PosthouseSession {
  return new Session(options);
}

class Session implements PosthouseSession {
  link: Link = { state: 'idle', transport: 'socket' };
  readonly #id = randomId();
  readonly #options: SessionOptions;
  readonly #listeners = new Set<(event: SessionEvent) => void>();
  readonly #feeds = new Map<FeedName, FeedState>();
  /** Feeds this tab follows; a leader's #feeds hold those of other tabs, too. */
  readonly #mine = new Set<FeedName>();
  /** Which tabs follow a feed, known to the leader. */
  readonly #followers = new Map<FeedName, Set<string>>();
  readonly #store: Store;
  readonly #tabs = new Tabs();
  readonly #connection: Connection;
  readonly #outbox: Outbox;
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  /** What this tab marked, by epoch and conversation. */
  readonly #marks = new Map<string, OwnMark>();
  /** The server's epoch, as it said last. */
  #epoch = '';
  /** Feeds the connection was asked for. */
  #asked = new Set<FeedName>();
  #saving: Promise<void> | undefined;
  #welcome: proto.Welcome | undefined;
  /** Server time minus browser time at the welcome. */
  #skewMs = 0;
  #typed: LossyFrame | undefined;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#store = new Store(options.scope, () => this.#emit({ type: 'storage', volatile: true }));
    this.#connection = new Connection(options, {
      hello: () => ({
        client: options.client,
        inboxKey: options.inboxKey ?? '',
        language: options.language,
        cursors: this.#ask([...this.#feeds.keys()], true),
      }),
      cursors: () => this.#cursors([...this.#asked]).filter((cursor) => cursor.epoch),
      frame: (frame) => this.#frame(frame),
      link: (link) => this.#emit({ type: 'link', link }),
      poll: (wait) => this.#poll(wait),
      ready: (ready) => this.#ready(ready),
    });
    this.#outbox = new Outbox(this.#store, this.#connection, () =>
      this.#emit({ type: 'outbox', pending: this.#outbox.items }),
    );
  }

  get pending(): readonly Pending[] {
    return this.#outbox.items;
  }

  listen(listener: (event: SessionEvent) => void): () => void {
    this.#listeners.add(listener);
    this.#state().forEach(listener);
    for (const name of this.#mine) this.#feedState(name).forEach(listener);
    return () => this.#listeners.delete(listener);
  }

  async start(): Promise<void> {
    await this.#store.open();
    await this.#outbox.load();
    addEventListener('pagehide', this.#part);
    const lead = () => void this.#lead();
    this.#tabs.start(this.#options.scope, !this.#store.volatile, lead, (said) => this.#hear(said));
    if (!this.#tabs.leads) this.#announce();
  }

  stop(): void {
    this.#part();
    removeEventListener('pagehide', this.#part);
    this.#connection.stop();
    this.#outbox.ground();
    this.#timers.forEach((timer) => clearTimeout(timer));
    this.#timers.clear();
    this.#tabs.stop();
    void Promise.resolve(this.#saving).then(() => this.#store.close());
  }

  async erase(): Promise<void> {
    this.#connection.stop();
    await this.#saving;
    await this.#store.erase();
    this.stop();
  }

  async follow(feed: FeedName, exists = true): Promise<void> {
    if (this.#mine.has(feed)) return;
    this.#mine.add(feed);
    const state = this.#feeds.get(feed) ?? (await this.#restore(feed, exists));
    this.#feedState(feed).forEach((event) => this.#local(event));
    this.#tell({ t: 'follow', tab: this.#id, feed, exists: !state.absent });
  }

  unfollow(feed: FeedName): void {
    if (!__AGENT__ || !this.#mine.delete(feed)) return;
    if (!this.#tabs.leads) this.#feeds.delete(feed);
    this.#tell({ t: 'unfollow', tab: this.#id, feed });
  }

  async submit(
    conversation: string,
    command: Part<proto.Command>,
    opening?: Part<proto.Opening>,
  ): Promise<string> {
    const key = newKey();
    const base = { key, conversation, command: command as proto.Command, atMs: Date.now() };
    await this.#queue({ ...base, ...(opening && { opening }) });
    return key;
  }

  async retry(key: string): Promise<void> {
    const item = this.#outbox.items.find((known) => known.key === key);
    if (!item) return;
    const { refused: _, ...fresh } = item;
    await this.#queue(fresh);
  }

  async discard(key: string): Promise<void> {
    this.#tell({ t: 'discard', key });
  }

  mark(conversation: string, epoch: string, delivered: number, read: number): void {
    const name = `mark ${epoch} ${conversation}`;
    const known = this.#marks.get(name);
    if (known && known.delivered >= delivered && known.read >= read) return;
    this.#marks.set(name, {
      conversation,
      epoch,
      delivered: Math.max(delivered, known?.delivered ?? 0),
      read: Math.max(read, known?.read ?? 0),
    });
    this.#after(name, MARK_MS, () => {
      this.#tell({ t: 'send', frame: { mark: this.#marks.get(name) } });
    });
  }

  typing(conversation: string, preview: string, active: boolean): void {
    this.#typed = { typing: { conversation, preview, active } };
    const send = () => {
      if (this.#typed) this.#tell({ t: 'send', frame: this.#typed });
      this.#typed = undefined;
    };
    if (active) return this.#after('typing', TYPING_MS, send);
    this.#stop('typing');
    send();
  }

  setStatus(status: proto.Status): void {
    if (__AGENT__) this.#tell({ t: 'send', frame: { status: { status } } });
  }

  async before(feed: FeedName, index: number): Promise<Row[]> {
    const epoch = this.#feeds.get(feed)?.epoch;
    const answer = await this.request(`${this.#path(feed)}&before=${index}`);
    if (!answer.ok) throw new Error(`${answer.status}`);
    const { server } = decode(proto.FrameList, new Uint8Array(await answer.arrayBuffer()));
    const rows = server.flatMap(({ delivery }) =>
      delivery ? [toRow(delivery, delivery.entry)] : [],
    );
    const state = this.#feeds.get(feed);
    return (state?.epoch === epoch && state?.earlier(rows)) || [];
  }

  request(path: string, init?: RequestInit): Promise<Response> {
    return this.#connection.request(path, init);
  }

  locate(path: string): Promise<{ url: string; headers: Record<string, string> }> {
    return this.#connection.locate(path);
  }

  /** This page goes, or stops: the leader need not follow for it. */
  #part = (): void => {
    for (const feed of this.#mine) this.#tell({ t: 'unfollow', tab: this.#id, feed });
  };

  async #lead(): Promise<void> {
    await this.#outbox.load();
    for (const feed of this.#mine) this.#followers.set(feed, new Set([this.#id]));
    this.#tabs.post({ t: 'lead' });
    this.#connection.start();
  }

  /** To the leader, which may be this tab. */
  #tell(message: TabMessage): void {
    if (this.#tabs.leads || message.t === 'discard') this.#hear(message);
    if (!this.#tabs.leads || message.t === 'discard') this.#tabs.post(message);
  }

  /** What a leader must know of this tab. */
  #announce(): void {
    const tab = this.#id;
    this.#tabs.post({ t: 'hi', tab });
    for (const [feed, { absent }] of this.#feeds) {
      this.#tabs.post({ t: 'follow', tab, feed, exists: !absent });
    }
    for (const item of this.#outbox.items) this.#tabs.post({ t: 'submit', item });
  }

  #hear(message: TabMessage): void {
    const { leads } = this.#tabs;
    if (message.t === 'discard') this.#outbox.remove(message.key);
    else if (message.t === 'event' && !leads) this.#repeat(message.event);
    else if (message.t === 'state' && message.to === this.#id) message.events.forEach(this.#repeat);
    else if (message.t === 'lead') this.#announce();
    else if (!leads) return;
    else if (message.t === 'hi')
      this.#tabs.post({ t: 'state', to: message.tab, events: this.#state() });
    else if (message.t === 'follow') void this.#join(message.feed, message.tab, message.exists);
    else if (message.t === 'unfollow') this.#leave(message.feed, message.tab);
    else if (message.t === 'send') this.#send(message.frame);
    else if (message.t === 'submit') {
      this.#outbox.merge([message.item]);
      this.#outbox.pump();
    }
  }

  /** An event of the leader: remembered, then told here. */
  #repeat = (event: SessionEvent): void => {
    const state = 'feed' in event ? this.#feeds.get(event.feed) : undefined;
    if (event.type === 'outbox') return this.#outbox.merge(event.pending as OutboxItem[]);
    else if (event.type === 'ack') this.#settle(event.conversation, event.key, event.index);
    else if (event.type === 'mark') this.#markOf(event.mark);
    else if (event.type === 'snapshot') {
      state?.replace(event.snapshot);
      // The leader has written it.
      state?.drain();
    } else if (event.type === 'rows' && state) {
      for (const row of event.rows) {
        state.rows.set(row.index, row);
        state.index = Math.max(state.index, row.index);
      }
    }
    this.#local(event);
    if (event.type === 'rows') this.#told(event.rows);
  };

  #local(event: SessionEvent): void {
    if (event.type === 'link') this.link = event.link;
    if (event.type === 'welcome') {
      const { serverMs } = (this.#welcome = event.welcome);
      this.#skewMs = serverMs - Date.now();
    }
    if ('feed' in event && !this.#mine.has(event.feed)) return;
    for (const listener of this.#listeners) listener(event);
  }

  #emit(event: SessionEvent): void {
    if (this.#tabs.leads) this.#tabs.post({ t: 'event', event });
    this.#local(event);
  }

  /** What a new listener, or a tab that follows, must know. */
  #state(): SessionEvent[] {
    const events: SessionEvent[] = [
      { type: 'storage', volatile: this.#store.volatile },
      { type: 'link', link: this.link },
      { type: 'outbox', pending: this.#outbox.items },
    ];
    if (this.#welcome) {
      const welcome = { ...this.#welcome, serverMs: Date.now() + this.#skewMs };
      events.push({ type: 'welcome', welcome });
    }
    return events;
  }

  #feedState(feed: FeedName): SessionEvent[] {
    const state = this.#feeds.get(feed);
    if (!state?.snapshot) return [];
    const rows = [...state.rows.values()].sort((a, b) => a.index - b.index);
    return [
      { type: 'snapshot', feed, snapshot: { ...state.snapshot, marks: state.marks } },
      { type: 'rows', feed, rows },
    ];
  }

  async #restore(feed: FeedName, exists: boolean): Promise<FeedState> {
    const state = new FeedState();
    // Not asked for before it is known from where.
    state.absent = true;
    this.#feeds.set(feed, state);
    const stored = await this.#store.load(feed);
    const place = stored?.place;
    if (place && place.index - (place.snapshot?.index ?? 0) <= ROWS_PER_SNAPSHOT) {
      state.restore(
        place,
        stored.rows.map((row) => toRow(row, row.raw)),
      );
    }
    state.absent = !state.epoch && !exists;
    if (state.epoch) this.#outbox.opened.add(toFeed(feed).id);
    return state;
  }

  async #join(feed: FeedName, tab: string, exists: boolean): Promise<void> {
    const tabs = this.#followers.get(feed) ?? new Set();
    this.#followers.set(feed, tabs.add(tab));
    const state = this.#feeds.get(feed) ?? (await this.#restore(feed, exists));
    if (exists) state.absent = false;
    this.#demand(feed);
    if (tab === this.#id) return;
    const events = [...this.#state(), ...this.#feedState(feed)];
    this.#tabs.post({ t: 'state', to: tab, events });
  }

  #leave(feed: FeedName, tab: string): void {
    const tabs = this.#followers.get(feed);
    tabs?.delete(tab);
    if (tabs?.size) return;
    this.#followers.delete(feed);
    this.#feeds.delete(feed);
    if (this.#asked.delete(feed) && __AGENT__)
      this.#connection.send({ unfollow: { feeds: [toFeed(feed)] } });
  }

  #cursors(feeds: FeedName[]): Part<proto.Cursor>[] {
    return feeds.flatMap((name) => {
      const state = this.#feeds.get(name);
      return state ? [{ feed: toFeed(name), epoch: state.epoch, index: state.index }] : [];
    });
  }

  /** Cursors of the feeds that exist, which count as asked for from now on. */
  #ask(feeds: FeedName[], fresh: boolean): Part<proto.Cursor>[] {
    if (fresh) this.#asked.clear();
    const wanted = feeds.filter((name) => !this.#asked.has(name) && !this.#feeds.get(name)?.absent);
    for (const name of wanted) this.#asked.add(name);
    return this.#cursors(wanted);
  }

  #demand(...feeds: FeedName[]): void {
    if (this.#connection.link.state !== 'live') return;
    const cursors = this.#ask(feeds, false);
    if (!cursors.length) return;
    if (this.#connection.link.transport === 'socket')
      this.#connection.send({ follow: { cursors } });
    else for (const feed of feeds) void this.#pull(feed);
  }

  #ready(ready: boolean): void {
    if (!ready) return this.#outbox.ground();
    this.#demand(...this.#feeds.keys());
    this.#outbox.pump();
    for (const mark of this.#marks.values()) this.#send({ mark });
  }

  /** A mark of another epoch counts entries that are no more. */
  #send(frame: LossyFrame): void {
    if (!frame.mark || frame.mark.epoch === this.#epoch) this.#connection.send(frame);
  }

  #frame(frame: proto.ServerFrame): void {
    const { welcome, delivery, snapshot, caughtUp, ack, refused, mark, typing, presence } = frame;
    // Over HTTP there is no welcome.
    this.#epoch = (welcome ?? snapshot ?? caughtUp)?.epoch ?? this.#epoch;
    if (welcome) this.#emit({ type: 'welcome', welcome });
    if (delivery) this.#delivered(delivery);
    if (snapshot?.feed) {
      this.#feeds.get(feedName(snapshot.feed))?.replace(snapshot);
      this.#outbox.opened.add(snapshot.feed.id);
      this.#save();
    }
    if (caughtUp?.feed) {
      this.#behind(feedName(caughtUp.feed), caughtUp.index);
      const feed = feedName(caughtUp.feed);
      void this.#save().then(() => this.#emit({ type: 'caught_up', feed }));
    }
    if (ack) this.#acked(ack);
    if (refused) this.#refused(refused);
    if (mark && this.#markOf(mark)) this.#emit({ type: 'mark', mark });
    if (typing) this.#emit({ type: 'typing', typing });
    if (presence) this.#emit({ type: 'presence', presence });
    if (frame.queuePlace) this.#emit({ type: 'queue_place', place: frame.queuePlace });
    for (const { feed, index } of frame.pong?.heads ?? [])
      if (feed) this.#behind(feedName(feed), index);
  }

  #delivered(delivery: proto.Delivery): void {
    const feed = feedName(delivery.feed!);
    const state = this.#feeds.get(feed);
    if (!state) return;
    if (state.deliver(delivery)) void this.#save();
    if (state.held.size) {
      this.#after(`hole ${feed}`, HOLE_MS, () => {
        if (state.held.size) void this.#pull(feed);
      });
    }
  }

  #acked({ conversation, key, index, atMs }: proto.Ack): void {
    this.#outbox.opened.add(conversation);
    this.#emit({ type: 'ack', conversation, key, index, atMs });
    this.#settle(conversation, key, index);
    this.#outbox.pump();
    const feed = publicFeed(conversation);
    const state = this.#feeds.get(feed);
    if (!state?.absent) return;
    state.absent = false;
    this.#demand(feed);
  }

  /** What somebody looks at must not vanish between its ack and its row. */
  #settle(conversation: string, key: string, index: number): void {
    const shown = feedsOf(conversation).some((feed) => this.#feeds.has(feed));
    const item = this.#outbox.items.find((known) => known.key === key);
    const { message, note, recall } = item?.command ?? {};
    if (!shown || !(message || note || recall)) return void this.#outbox.remove(key);
    this.#outbox.acked(key, index);
    this.#after(`row ${key}`, ROW_MS, () => this.#outbox.remove(key));
  }

  #told(rows: Row[]): void {
    for (const { entry } of rows) this.#outbox.remove(entry.key);
  }

  #refused(refused: proto.Refused): void {
    if (refused.key) return this.#outbox.refused(refused);
    const { conversation, code, sentence } = refused;
    if (!conversation) return;
    for (const feed of feedsOf(conversation)) {
      const state = this.#feeds.get(feed);
      if (!state) continue;
      state.forget();
      this.#asked.delete(feed);
      this.#outbox.opened.delete(conversation);
      void this.#save();
      this.#emit({ type: 'feed_refused', feed, code, sentence });
    }
  }

  #markOf(mark: proto.Mark): boolean {
    let further = false;
    for (const feed of feedsOf(mark.conversation)) {
      if (this.#feeds.get(feed)?.mark(mark)) further = true;
    }
    if (further && this.#tabs.leads) void this.#save();
    return further;
  }

  /** The server's head is `head`: still being behind after a while means something was lost (R9). */
  #behind(feed: FeedName, head: number): void {
    const state = this.#feeds.get(feed);
    if (!state || head <= state.index) return;
    this.#after(`behind ${feed}`, BEHIND_MS, () => {
      if (head > state.index) void this.#pull(feed);
    });
  }

  #save(): Promise<void> {
    return (this.#saving ??= this.#flush().finally(() => (this.#saving = undefined)));
  }

  /** One transaction for all that came while the last one ran; told after it is durable. */
  async #flush(): Promise<void> {
    for (;;) {
      await Promise.resolve();
      const changes: Change[] = [];
      for (const [feed, state] of this.#feeds) {
        if (!state.dirty) continue;
        changes.push({ feed, place: state.place(), ...state.drain() });
      }
      if (!changes.length) return;
      await this.#store.save(changes);
      for (const { feed, place, rows, replace } of changes) {
        const { snapshot, index } = place;
        if (replace && snapshot) {
          // A mark that came while this was written has been told already.
          const { marks } = this.#feeds.get(feed) ?? place;
          this.#emit({ type: 'snapshot', feed, snapshot: { ...snapshot, marks } });
        }
        const decoded = rows.map((row) => toRow(row, row.raw));
        if (rows.length || replace) this.#emit({ type: 'rows', feed, rows: decoded });
        this.#told(decoded);
        // What the browser keeps of an erased conversation goes, whether it is followed or not.
        if (__AGENT__) for (const { entry } of decoded) {
          if (!entry.erased) continue;
          for (const gone of feedsOf(entry.conversation)) {
            const state = this.#feeds.get(gone);
            state?.forget();
            const empty = { feed: gone, place: new FeedState().place(), rows: [], replace: true };
            if (!state) void this.#store.save([empty]);
          }
          for (const { key, conversation } of this.#outbox.items) {
            if (conversation === entry.conversation) this.#tell({ t: 'discard', key });
          }
        }
        if (snapshot && index - snapshot.index > ROWS_PER_SNAPSHOT) void this.#pull(feed, 0, true);
      }
    }
  }

  #path(feed: FeedName): string {
    const { kind, id, number } = toFeed(feed);
    return `/v1/feed?kind=${kind}&id=${id}&number=${number}`;
  }

  #place(feed: FeedName): string {
    const { epoch = '', index = 0 } = this.#feeds.get(feed) ?? {};
    return `&epoch=${epoch}&after=${index}`;
  }

  /** Reads what lies after our place over HTTP; `anew` = asks for a snapshot. */
  async #pull(feed: FeedName, waitMs = 0, anew = false): Promise<void> {
    const place = this.#place(feed);
    const asked = `${anew ? '&epoch=&after=0' : place}&wait_ms=${waitMs}`;
    // A socket may have been faster, with more or with another epoch.
    const wanted = () => place === this.#place(feed);
    const answer = this.#connection.frames(this.#path(feed) + asked, {}, wanted);
    await (waitMs ? answer : answer.catch(() => {}));
  }

  async #poll(wait: boolean): Promise<void> {
    const feeds = [...this.#feeds.keys()].filter((feed) => !this.#feeds.get(feed)!.absent);
    const [first, ...others] = feeds;
    if (!first && wait) await new Promise((resolve) => setTimeout(resolve, ROUND_MS));
    if (!first || !wait) await this.#connection.post([]);
    // The server counts the time: a browser slows the timers of a page that is out of sight.
    const most = __AGENT__ && others.length ? ROUND_MS : LONG_POLL_MS;
    if (first) await this.#pull(first, wait ? most : 0);
    if (__AGENT__) await Promise.all(others.map((feed) => this.#pull(feed)));
  }

  async #queue(item: OutboxItem): Promise<void> {
    await this.#outbox.add(item);
    this.#tell({ t: 'submit', item });
  }

  /** Runs `then` once after `ms`, however often it is asked until then. */
  #after(name: string, ms: number, then: () => void): void {
    if (this.#timers.has(name)) return;
    const run = () => {
      this.#timers.delete(name);
      then();
    };
    this.#timers.set(name, setTimeout(run, ms));
  }

  #stop(name: string): void {
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
  }
}

/** The feeds in which a conversation may be followed. */
function feedsOf(conversation: string): FeedName[] {
  const open = publicFeed(conversation);
  return __AGENT__ ? [open, fullFeed(conversation)] : [open];
}
