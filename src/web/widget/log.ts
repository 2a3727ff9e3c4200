// The conversation on screen: rows of the public feed, then what has no ack yet. A message keeps its
// element from "sending" to "read"; texts are set as text nodes only.
import type { Pending, Row } from '../shared/api.ts';
import type { Attachment, Entry } from '../shared/gen/posthouse.ts';
import { h } from './dom.ts';
import { linkify } from './linkify.ts';
import type { Say } from './text.ts';

interface Item {
  key: string;
  /** A line of the desk's own, in the middle. */
  line?: string;
  own: boolean;
  name: string;
  atMs: number;
  text: string;
  attachment?: Attachment;
  gone: boolean;
  /** Place in the feed; 0 = no ack yet. */
  index: number;
  refused?: string;
}

interface Actions {
  retry(key: string): void;
  discard(key: string): void;
  older(): void;
  attachment(attachment: Attachment, slot: HTMLElement): void;
}

export class Log {
  readonly rows = new Map<number, Row>();
  pending: readonly Pending[] = [];
  /** How far the agents' devices, and the agents, have come. */
  delivered = 0;
  read = 0;
  readonly element: HTMLElement;
  readonly #nodes = new Map<string, { node: HTMLElement; meta: HTMLElement; gone: boolean }>();
  readonly #older: HTMLElement;
  readonly #say: Say;
  readonly #actions: Actions;
  readonly #clock: Intl.DateTimeFormat;

  constructor(say: Say, language: string, actions: Actions) {
    this.#say = say;
    this.#actions = actions;
    this.#clock = new Intl.DateTimeFormat(language, { hour: '2-digit', minute: '2-digit' });
    this.#older = h('button.older', { type: 'button', onclick: actions.older }, say('older'));
    this.element = h(
      'div.log',
      { role: 'log', 'aria-label': say('log'), tabindex: 0 },
      this.#older,
    );
  }

  /** Index of the newest row. */
  get last(): number {
    return Math.max(0, ...this.rows.keys());
  }

  /** Brings the screen to what is known; `greeting` stands before the first message. */
  render(greeting: string): void {
    const { element } = this;
    const sticks = element.scrollHeight - element.scrollTop - element.clientHeight < 80;
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
    if (sticks) this.toEnd();
  }

  toEnd(): void {
    this.element.scrollTop = this.element.scrollHeight;
  }

  #items(): Item[] {
    const rows = [...this.rows.values()].sort((a, b) => a.index - b.index);
    const items = rows.flatMap((row) => this.#item(row));
    const known = new Set(rows.map((row) => row.entry.message && row.entry.key));
    for (const { key, command, atMs, refused } of this.pending) {
      if (known.has(key) || !command.message) continue;
      const { text = '', attachment } = command.message;
      const item = { ...plain(key, true, text), atMs, attachment: attachment as Attachment };
      items.push(refused ? { ...item, refused: refused.sentence || this.#say('failed') } : item);
    }
    return items;
  }

  #item({ index, entry }: Row): Item[] {
    const { message, tombstone, author, key, atMs } = entry;
    const line = this.#line(entry);
    if (line) return [{ ...plain(`line ${index}`, false, ''), line, index }];
    if (!message && !(tombstone && author)) return [];
    const say = tombstone?.reason === 2 ? 'deleted' : 'recalled';
    const text = message ? (message.text ?? '') : this.#say(say);
    const base = { ...plain(key, !!author?.visitor, text), name: author?.name ?? '', atMs, index };
    return [
      { ...base, gone: !message, ...(message?.attachment && { attachment: message.attachment }) },
    ];
  }

  #line({ assigned, transferred, resolved, reopened, rated }: Entry): string {
    if (assigned) return this.#say('joined', assigned.name);
    if (transferred) return this.#say('transferred');
    if (resolved) return this.#say('resolved');
    if (reopened) return this.#say('reopened');
    return rated ? `${this.#say('rated')} ${'★'.repeat(Math.min(5, rated.score))}` : '';
  }

  #node(item: Item, next: Item | undefined): HTMLElement {
    let held = this.#nodes.get(item.key);
    if (!held || held.gone !== item.gone) {
      const meta = h('div.meta', { 'aria-live': 'off' });
      const body = h('div.body');
      if (item.attachment) this.#actions.attachment(item.attachment, body);
      else body.append(...(item.gone ? [item.text] : linkify(item.text)));
      const who = item.own ? this.#say('you') : item.name;
      const node = item.line
        ? h('div.line', {}, item.line)
        : h('div.row', {}, h('span.sr', {}, who), body, meta);
      held?.node.remove();
      held = { node, meta, gone: item.gone };
      this.#nodes.set(item.key, held);
    }
    const { node, meta } = held;
    if (item.line) return node;
    const waits = item.own && !item.index;
    node.className = `row${item.own ? ' own' : ''}${waits ? ' wait' : ''}${item.gone ? ' gone' : ''}`;
    meta.classList.toggle('bad', !!item.refused);
    meta.hidden = !waits && !!next && !next.line && next.own === item.own && !!next.index;
    this.#state(item, meta);
    return node;
  }

  #state(item: Item, meta: HTMLElement): void {
    const time = item.atMs ? this.#clock.format(item.atMs) : '';
    const { index, own, refused, key, name } = item;
    const state = !index
      ? 'sending'
      : this.read >= index
        ? 'read'
        : this.delivered >= index
          ? 'delivered'
          : 'sent';
    const parts = refused ? [refused] : own ? [time, !item.gone && this.#say(state)] : [name, time];
    const text = parts.filter(Boolean).join(' · ');
    if (meta.textContent === text) return;
    meta.replaceChildren(text);
    if (!refused) return;
    for (const act of ['retry', 'discard'] as const) {
      meta.append(
        h('button', { type: 'button', onclick: () => this.#actions[act](key) }, this.#say(act)),
      );
    }
  }
}

function plain(key: string, own: boolean, text: string): Item {
  return { key, own, text, name: '', atMs: 0, gone: false, index: 0 };
}
