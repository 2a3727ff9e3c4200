// The conversation on screen: rows of the public feed, then what has no ack yet. A message keeps its
// element from "sending" to "read"; texts are set as text nodes only.
import type { Pending, Row } from '../shared/api.ts';
import type { Attachment, Entry } from '../shared/gen/posthouse.ts';
import { h } from './dom.ts';
import type { PosthouseWidget } from './widget.ts';

export interface Item {
  key: string;
  /** What happened besides messages: a line of the desk's own, in the middle. */
  line?: Entry;
  own: boolean;
  name: string;
  atMs: number;
  text: string;
  attachment?: Attachment;
  /** Why the body is gone (`TombstoneReason`); 0 = it is there. */
  gone: number;
  /** Place in the feed; 0 = no ack yet. */
  index: number;
  refused?: string;
  /** What its buttons do. */
  acts: Act[];
}

export type Act = 'recall' | 'retry' | 'discard';

/** A little less than the server's two minutes: what is offered should also be granted. */
const RECALL_MS = 115_000;

export interface Held {
  node: HTMLElement;
  meta: HTMLElement;
  gone: number;
  acts: string;
}

export class Log {
  readonly rows = new Map<number, Row>();
  pending: readonly Pending[] = [];
  /** How far the agents' devices, and the agents, have come. */
  delivered = 0;
  read = 0;
  /** Server time minus browser time. */
  skewMs = 0;
  readonly element: HTMLElement;
  readonly #nodes = new Map<string, Held>();
  readonly #older: HTMLElement;
  #atEnd = true;
  readonly #widget: PosthouseWidget;
  /** The time of today's messages, and of older ones. */
  readonly #clocks: Intl.DateTimeFormat[];

  constructor(widget: PosthouseWidget) {
    const { say, lang } = widget;
    this.#widget = widget;
    const time = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } as const;
    this.#clocks = [time, { ...time, month: 'short', day: 'numeric' } as const].map(
      (options) => new Intl.DateTimeFormat(lang, options),
    );
    const older = () => widget.extra((extra) => extra.older(widget), true);
    this.#older = h('button.older', { type: 'button', onclick: older }, say('older'));
    const onscroll = () => {
      const { scrollHeight, scrollTop, clientHeight } = this.element;
      this.#atEnd = scrollHeight - scrollTop - clientHeight < 80;
    };
    this.element = h(
      'div.log',
      { role: 'log', 'aria-label': say('log'), tabindex: 0, onscroll },
      this.#older,
    );
    // A keyboard on the screen, a card under the log, a window of another size.
    new ResizeObserver(() => this.stick()).observe(this.element);
  }

  /** Index of the newest row. */
  get last(): number {
    return Math.max(0, ...this.rows.keys());
  }

  /** Brings the screen to what is known; `greeting` stands before the first message. */
  render(greeting: string): void {
    this.stick(() => this.#render(greeting));
  }

  /** Makes a change; who reads the end goes on reading the end. */
  stick(change?: () => void): void {
    change?.();
    if (this.#atEnd) this.toEnd();
  }

  toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
  }

  #render(greeting: string): void {
    const first = Math.min(...this.rows.keys());
    this.#older.hidden = !(first > 1 && first < Infinity);
    const items = this.#items();
    if (this.#older.hidden && greeting) items.unshift(plain(greeting, false, greeting));
    let before: Element = this.#older;
    const kept = new Set<string>();
    items.forEach((item, at) => {
      kept.add(item.key);
      const node = this.#node(item, items[at + 1]);
      if (before.nextElementSibling !== node) before.after(node);
      before = node;
    });
    for (const [key, { node }] of this.#nodes) {
      if (kept.has(key)) continue;
      node.remove();
      this.#nodes.delete(key);
    }
  }

  #items(): Item[] {
    const rows = [...this.rows.values()].sort((a, b) => a.index - b.index);
    const items = rows.flatMap((row) => this.#item(row));
    const known = new Set(rows.map((row) => row.entry.message && row.entry.key));
    const recalled = new Set<string | undefined>();
    for (const { key, command, atMs, refused, index = 0 } of this.pending) {
      recalled.add(command.recall?.targetKey);
      if (known.has(key) || !command.message) continue;
      const { text = '', attachment } = command.message;
      const item: Item = { ...plain(key, true, text), atMs, index };
      if (attachment) item.attachment = attachment;
      if (refused) {
        item.refused = refused.sentence;
        item.acts = ['retry', 'discard'];
      }
      items.push(item);
    }
    const since = Date.now() + this.skewMs - RECALL_MS;
    for (const item of items) {
      const may = item.own && item.index && !item.gone && item.atMs > since;
      if (may && !recalled.has(item.key)) item.acts = ['recall'];
    }
    return items;
  }

  #item({ index, entry }: Row): Item[] {
    const { message, tombstone, author, key, atMs } = entry;
    if (entry.assigned || entry.transferred || entry.resolved || entry.reopened || entry.rated)
      // In another epoch another line may have this place.
      return [{ ...plain(`${index} ${atMs}`, false, ''), line: entry, index }];
    if (!author || !(message || tombstone)) return [];
    const item: Item = {
      ...plain(key, !!author.visitor, message?.text ?? ''),
      name: author.name,
      atMs,
      index,
      gone: message ? 0 : tombstone!.reason,
    };
    if (message?.attachment) item.attachment = message.attachment;
    return [item];
  }

  #node(item: Item, next: Item | undefined): HTMLElement {
    let held = this.#nodes.get(item.key);
    if (!held || held.gone !== item.gone) {
      const meta = h('div.meta', { 'aria-live': 'off' }, h('span'));
      const body = h('div.body', { dir: 'auto' }, item.text);
      const who = item.own ? this.#widget.say('you') : item.name;
      const node = item.line
        ? h('div.line')
        : h('div', {}, h('span.sr', {}, who), body, meta);
      if (item.line || item.gone || item.attachment || /https?:/i.test(item.text))
        this.#widget.extra((extra) => extra.fill(this.#widget, item, item.line ? node : body));
      held?.node.remove();
      held = { node, meta, gone: item.gone, acts: '' };
      this.#nodes.set(item.key, held);
    }
    const { node, meta } = held;
    if (item.line) return node;
    const waits = item.own && !item.index;
    node.className = `row${item.own ? ' own' : ''}${waits ? ' wait' : ''}${item.gone ? ' gone' : ''}`;
    meta.classList.toggle('bad', !!item.refused);
    const follows = !!next && !next.line && next.own === item.own && !!next.index;
    meta.hidden = follows && !waits && !item.acts.length;
    this.#state(item, held);
    return node;
  }

  #state(item: Item, held: Held): void {
    const { index, own, refused, name, atMs } = item;
    const old = new Date().toDateString() !== new Date(atMs).toDateString();
    const time = atMs ? this.#clocks[+old]!.format(atMs) : '';
    const state = !index
      ? 'sending'
      : this.read >= index
        ? 'read'
        : this.delivered >= index
          ? 'delivered'
          : 'sent';
    const parts = refused ? [refused] : own ? [time, !item.gone && this.#widget.say(state)] : [name, time];
    const label = held.meta.firstChild!;
    const text = parts.filter(Boolean).join(' · ');
    if (label.textContent !== text) label.textContent = text;
    // Buttons stay as they are: one of them may have the focus.
    const acts = item.acts.join();
    if (held.acts === acts) return;
    held.acts = acts;
    this.#widget.extra((extra) => extra.acts(this.#widget, item.key, held));
  }
}

function plain(key: string, own: boolean, text: string): Item {
  return { key, own, text, name: '', atMs: 0, gone: 0, index: 0, acts: [] };
}
