// <posthouse-widget>: launcher and panel. Holds the session of one inbox and shows what it says; all
// that a text message does not need (emoji, files, rating, offline form) comes with the extra chunk.
import type { Pending, PosthouseSession, Row, SessionEvent } from '../shared/api.ts';
import type { Part } from '../shared/codec.ts';
import type { Assigned, Mark, Message, Profile } from '../shared/gen/posthouse.ts';
import { publicFeed, randomId } from '../shared/id.ts';
import { openSession } from '../shared/session.ts';
import { textOn } from './color.ts';
import { h, icon } from './dom.ts';
import type * as Extra from './extra.ts';
import { Log } from './log.ts';
import style from './style.css?inline';
import { sayIn, type Say } from './text.ts';
import { Visitor, type Saved } from './visitor.ts';

const CHAT = 'M21 12a8 8 0 0 1-11.6 7.1L4 20l1-4.6A8 8 0 1 1 21 12Z';
const CLOSE = 'M6 6l12 12M18 6 6 18';
const SEND = 'M12 19V5M6 11l6-6 6 6';
const SMILE = 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18ZM8 14q4 4 8 0M9 9v1M15 9v1';
const CLIP = 'M20 11l-8 8a5 5 0 0 1-7-7l8-8a3 3 0 0 1 5 5l-8 8a2 2 0 0 1-3-3l8-8';
const BANNER_MS = 2_000;
const TELL_MS = 6_000;
const TICK_MS = 5_000;
/** The server's code for a conversation that an owner erased. */
const ERASED = 1023;

type Use = (extra: typeof Extra) => void;

declare const __VERSION__: string;
declare const __EXTRA__: string;

export class PosthouseWidget extends HTMLElement {
  declare session: PosthouseSession;
  declare visitor: Visitor;
  declare say: Say;
  declare log: Log;
  declare base: string;
  declare inbox: string;
  root = this.attachShadow({ mode: 'closed' });
  declare panel: HTMLElement;
  declare form: HTMLFormElement;
  declare input: HTMLTextAreaElement;
  #launch = h('button.launch', { type: 'button', onclick: () => this.toggle() });
  #badge = h('b');
  #initial = h('span');
  #photo = h<HTMLImageElement>('img', { alt: '' });
  #title = h('strong', { id: 't' });
  #status = h('small', { role: 'status' });
  #banner = h('div.banner', { role: 'status' });
  #agent: Assigned | undefined;
  #place = 0;
  #queued = false;
  #resolved = false;
  #started = false;
  #volatile = false;
  #failures = 0;
  /** What the extra chunk is still to do. */
  #undone: Use[] = [];
  #timers: Record<string, ReturnType<typeof setTimeout>> = {};

  /** Builds the widget; called once, before it is put into the page. */
  setUp(base: string, inbox: string, tag: string): void {
    // Pages write "zh_CN" and "english", too; what is not Chinese is said in English.
    const lang = /^zh/i.test(tag) ? 'zh' : 'en';
    Object.assign(this, { base, inbox, lang });
    this.say = sayIn(lang);
    this.visitor = new Visitor(base, inbox);
    this.#style();
    this.log = new Log(this);
    this.#build();
    this.#show(false);
    this.root.append(this.panel, this.#launch);
    this.#session();
    this.paint();
    document.addEventListener('visibilitychange', () => this.#seen());
    // Times and the time to recall pass without an event.
    setInterval(() => this.isOpen && this.#tick(), TICK_MS);
    // A conversation that has begun is followed at once; otherwise only the inbox's face is asked for.
    if (this.visitor.saved.begun) void this.#start();
    else
      this.visitor.enter().then(
        () => this.paint(),
        () => {},
      );
  }

  get conversation(): string {
    const { saved } = this.visitor;
    if (!saved.conversation) this.visitor.keep({ conversation: randomId() });
    return saved.conversation!;
  }

  get isOpen(): boolean {
    return !this.panel.hidden;
  }

  toggle(open = !this.isOpen): void {
    this.#show(open);
    if (!open) return this.#launch.focus();
    void this.#start();
    this.log.toEnd();
    this.input.focus();
    this.#seen();
    this.#offline();
  }

  #show(open: boolean): void {
    this.panel.hidden = !open;
    this.#launch.ariaExpanded = String(open);
    this.#launch.ariaLabel = this.say(open ? 'close' : 'open');
    this.#launch.replaceChildren(icon(open ? CLOSE : CHAT), this.#badge);
  }

  /** Sends `text`, or what `message` says; the profile goes along with the conversation's opening. */
  async send(message: Part<Message>, profile: Part<Profile> = {}): Promise<void> {
    const { location, title, referrer } = document as Document;
    const page = {
      page: location.href.slice(0, 1024),
      pageTitle: title.slice(0, 120),
      referrer: referrer.slice(0, 1024),
    };
    await this.#start();
    const opening = {
      inboxKey: this.inbox,
      profile: { ...page, language: navigator.language, ...profile },
    };
    this.visitor.keep({ begun: true });
    await this.session.submit(this.conversation, { message }, opening);
    this.log.toEnd();
  }

  /** Loads what is not needed for text. When it cannot be had, a `press` is the visitor's to repeat;
   * anything else is done as soon as it is there. */
  extra(use: Use, press = false): void {
    // A browser may remember that an address failed: each new try has an address of its own.
    const address = `${this.base}/widget/${__EXTRA__}?${this.#failures}`;
    (import(/* @vite-ignore */ address) as Promise<typeof Extra>).then(use, () => {
      if (!press) this.#undone.push(use);
      if (!this.#failures++ || press) this.tell(this.say('reconnecting'));
    });
  }

  #tick(): void {
    this.#undone.splice(0).forEach((use) => this.extra(use));
    this.paint();
    this.#offline();
  }

  #style(): void {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    this.root.adoptedStyleSheets = [sheet];
  }

  #build(): void {
    const { say } = this;
    const tool = (name: string, label: string, path: string, onclick?: () => void) =>
      h(
        `button${name}`,
        { type: onclick ? 'button' : 'submit', 'aria-label': label, title: label, onclick },
        icon(path),
      );
    this.input = h<HTMLTextAreaElement>('textarea', {
      rows: 1,
      'aria-label': say('write'),
      placeholder: say('write'),
      maxlength: 2700,
      dir: 'auto',
      oninput: () => this.#typed(),
      onkeydown: (event: KeyboardEvent) => {
        // Enter that ends an input method's composition does not send.
        if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229)
          return;
        event.preventDefault();
        this.form.requestSubmit();
      },
      onpaste: (event: ClipboardEvent) => this.#files(event, event.clipboardData),
    });
    this.form = h<HTMLFormElement>(
      'form',
      { onsubmit: (event: Event) => (event.preventDefault(), this.#submit()) },
      h(
        'span.tools',
        {},
        tool('', say('emoji'), SMILE, () => this.extra((extra) => extra.emoji(this), true)),
        tool('', say('attach'), CLIP, () => this.extra((extra) => extra.pick(this), true)),
      ),
      this.input,
      h('span.tools', {}, tool('.send', say('send'), SEND)),
    );
    this.panel = h(
      'section.panel',
      {
        role: 'dialog',
        'aria-modal': 'true',
        'aria-labelledby': 't',
        onkeydown: (event: KeyboardEvent) => this.#key(event),
        ondragover: (event: Event) => event.preventDefault(),
        ondrop: (event: DragEvent) => this.#files(event, event.dataTransfer),
      },
      h(
        'header',
        {},
        h('span.face', { 'aria-hidden': 'true' }, this.#initial, this.#photo),
        h('div', {}, this.#title, this.#status),
        tool('', say('close'), CLOSE, () => this.toggle(false)),
      ),
      this.#banner,
      this.log.element,
      this.form,
    );
  }

  #session(): void {
    this.session = openSession({
      base: this.base,
      client: `widget/${__VERSION__}`,
      scope: `${this.base} ${this.inbox}`,
      language: this.lang,
      inboxKey: this.inbox,
      token: async (rejected) => {
        const { token } = this.visitor.saved;
        if (token && !rejected) return token;
        const told = await this.visitor.enter();
        if (token && token !== told.token) void this.#anew();
        this.paint();
        return told.token;
      },
    });
    this.session.listen((event) => this.#event(event));
  }

  async #start(): Promise<void> {
    if (this.#started) return;
    this.#started = true;
    await this.session.follow(publicFeed(this.conversation), !!this.visitor.saved.begun);
    await this.session.start();
  }

  /** The server does not know this visitor, or the conversation, any more: what was not sent goes to a
   * new one. */
  async #anew(): Promise<void> {
    const waiting = this.session.pending;
    await this.session.erase();
    this.log.rows.clear();
    this.#forget({ conversation: randomId(), begun: false, epoch: '' });
    this.#started = false;
    this.#session();
    for (const { command } of waiting) if (command.message) await this.send(command.message);
    await this.#start();
  }

  /** Nothing that is known of entries holds any more. */
  #forget(change: Saved): void {
    this.visitor.keep({ read: 0, unrated: 0, ...change });
    this.log.delivered = this.log.read = 0;
    this.#agent = undefined;
    this.#queued = this.#resolved = false;
  }

  #event(event: SessionEvent): void {
    if (event.type === 'storage') this.#volatile = event.volatile;
    if (event.type === 'link' || event.type === 'storage') this.#link();
    if (event.type === 'snapshot') {
      // Drawn when the rows come that follow it.
      this.log.rows.clear();
      const { epoch, marks } = event.snapshot;
      if (epoch !== this.visitor.saved.epoch) this.#forget({ epoch });
      return marks.forEach((mark) => this.#mark(mark));
    }
    if (event.type === 'mark') this.#mark(event.mark);
    if (event.type === 'outbox') this.#outbox(event.pending);
    if (event.type === 'rows') event.rows.forEach((row) => this.#row(row));
    if (event.type === 'welcome') {
      this.visitor.staffed = event.welcome.staffed;
      this.log.skewMs = event.welcome.serverMs - Date.now();
    }
    if (event.type === 'presence' && !event.presence.conversation)
      this.visitor.staffed = event.presence.staffed;
    if (event.type === 'welcome' || event.type === 'presence') this.#offline();
    if (event.type === 'queue_place') this.#place = event.place.place;
    if (event.type === 'typing' && event.typing.author?.agent)
      this.extra((extra) => extra.typing(this, event.typing.active), true);
    if (event.type === 'feed_refused' && event.code === ERASED) void this.#anew();
    this.paint();
    if (event.type === 'rows') this.#seen();
  }

  /** A message that is refused says so in its place, anything else once. */
  #outbox(pending: readonly Pending[]): void {
    this.log.pending = pending;
    for (const { key, command, refused } of pending) {
      if (!refused || command.message) continue;
      void this.session.discard(key);
      this.tell(refused.sentence);
    }
  }

  #row(row: Row): void {
    const { entry } = row;
    const { assigned, queued } = entry;
    this.log.rows.set(row.index, row);
    if (assigned || queued) {
      this.#queued = !!queued;
      this.#agent = assigned;
    }
    if (entry.message && entry.author?.agent) this.panel.querySelector('.dots')?.replaceChildren();
    if (entry.resolved || entry.reopened || entry.rated || entry.message) {
      if (entry.resolved && !this.#resolved) this.extra((extra) => extra.rate(this));
      this.#resolved = !!entry.resolved;
    }
  }

  /** Whether the conversation waits for a verdict. */
  get resolved(): boolean {
    return this.#resolved;
  }

  #mark({ reader, delivered, read }: Mark): void {
    const { log, visitor } = this;
    if (reader?.agent) {
      log.delivered = Math.max(log.delivered, delivered, read);
      log.read = Math.max(log.read, read);
    } else if (read > visitor.saved.read!) visitor.keep({ read });
  }

  paint(): void {
    const { say } = this;
    const { face } = this.visitor.saved;
    const color = /^#[0-9a-f]{6}$/i.exec(face?.color ?? '')?.[0] ?? '#0f5c63';
    this.style.setProperty('--c', color);
    this.style.setProperty('--on', textOn(color));
    const { name = face?.name || say('support'), avatar = '' } = this.#agent ?? {};
    this.#title.textContent = name;
    this.#initial.textContent = [...name][0]!.toUpperCase();
    this.#photo.hidden = !avatar;
    if (!this.#photo.src.endsWith(avatar)) this.#photo.src = this.base + avatar;
    const { staffed } = this.visitor;
    const waiting = this.#place ? say('place', this.#place) : say('waiting');
    this.#status.textContent =
      this.#queued && staffed ? waiting : say(staffed ? 'online' : 'offline');
    const greeting = staffed
      ? face?.greeting || say('hello')
      : face?.offline_greeting || say('away');
    this.log.render(greeting);
    this.#count();
  }

  /** Unread messages of agents on the launcher; what is on screen is marked read. */
  #count(): void {
    const { read = 0 } = this.visitor.saved;
    const unread = [...this.log.rows.values()].filter(
      ({ index, entry }) => index > read && entry.message && entry.author?.agent,
    ).length;
    this.#badge.hidden = !unread || this.isOpen;
    this.#badge.replaceChildren(String(unread), h('span.sr', {}, this.say('unread', unread)));
  }

  #seen(): void {
    const { last } = this.log;
    if (!last) return;
    if (this.isOpen && !document.hidden) this.visitor.keep({ read: last });
    const { epoch, read } = this.visitor.saved;
    this.session.mark(this.conversation, epoch!, last, read!);
    this.#count();
  }

  #offline(): void {
    const fresh = !this.log.last && !this.session.pending.length && !this.input.value;
    if (this.isOpen && !this.visitor.staffed && fresh) this.extra((extra) => extra.offline(this));
  }

  #submit(): void {
    const text = this.input.value.trim();
    if (!text) return;
    this.input.value = '';
    this.#typed();
    void this.send({ text });
  }

  #typed(): void {
    const { input } = this;
    input.style.height = 'auto';
    input.style.height = `${input.scrollHeight}px`;
    const { value } = input;
    if (this.log.last) this.session.typing(this.conversation, value.slice(-130), value !== '');
  }

  #link(): void {
    const { state } = this.session.link;
    const { link } = this.#timers;
    if (state === 'refused') this.tell(this.say('refused'));
    else if (state === 'live' || state === 'idle') {
      clearTimeout(link);
      delete this.#timers.link;
      this.#banner.hidden = !this.#volatile;
      if (this.#volatile) this.tell(this.say('volatile'));
    } else if (!link) {
      // Shown when the connection has been away for a while, however often it is tried meanwhile.
      this.#timers.link = setTimeout(() => this.tell(this.say('reconnecting')), BANNER_MS);
    }
  }

  /** Says something over the log, until the state of the connection has the word again. */
  tell(text: string): void {
    if (this.#banner.textContent !== text) this.#banner.textContent = text;
    this.#banner.hidden = false;
    clearTimeout(this.#timers.tell);
    this.#timers.tell = setTimeout(() => this.#link(), TELL_MS);
  }

  #files(event: Event, data: DataTransfer | null): void {
    // A table that is copied comes as text and as its picture: the text is meant.
    if (event.type === 'paste' && data?.types.includes('text/plain')) return;
    const files = [...(data?.files ?? [])];
    if (event.type === 'drop' || files.length) event.preventDefault();
    if (files.length) this.extra((extra) => extra.upload(this, files));
  }

  /** Escape closes; Tab stays inside the panel. */
  #key(event: KeyboardEvent): void {
    if (event.key === 'Escape' && !event.isComposing) return this.toggle(false);
    if (event.key !== 'Tab') return;
    const all = this.panel.querySelectorAll<HTMLElement>(
      'button,textarea,input,a[href],[tabindex="0"]',
    );
    const stops = [...all].filter((element) => element.offsetParent);
    const at = stops.indexOf(this.root.activeElement as HTMLElement);
    const next = stops[(at + (event.shiftKey ? -1 : 1) + stops.length) % stops.length];
    event.preventDefault();
    next?.focus();
  }
}
