// What the way to a sent text message does not need, loaded at first use: emoji, files, pictures,
// links, what happened besides messages, recall, rating, offline form.
import { h, icon } from './dom.ts';
import css from './extra.css?inline';
import { publicFeed } from '../shared/id.ts';
import type { Attachment, Entry } from '../shared/gen/posthouse.ts';
import { linkify } from './linkify.ts';
import type { Act, Held, Item } from './log.ts';
import type { PosthouseWidget } from './widget.ts';

const TEXT = {
  typing: ['{} is typing…', '{} 正在输入…'],
  joined: ['{} joined', '{} 为您服务'],
  transferred: ['You are being transferred', '正在为您转接'],
  resolved: ['Conversation ended', '会话已结束'],
  reopened: ['Conversation reopened', '会话已重新打开'],
  rated: ['Thank you for your rating', '感谢您的评价'],
  recalled: ['Message taken back', '消息已撤回'],
  deleted: ['Message deleted', '消息已删除'],
  recall: ['Take back', '撤回'],
  discard: ['Discard', '放弃'],
  emoji: ['Emoji', '表情'],
  noFile: ['The file cannot be had at the moment.', '暂时无法获取该文件。'],
  tooLarge: ['The file is too large.', '文件过大。'],
  failed: ['Upload failed.', '上传失败。'],
  retry: ['Try again', '重试'],
  cancel: ['Cancel', '取消'],
  download: ['Download {}', '下载 {}'],
  rateTitle: ['How did we do?', '请评价本次服务'],
  stars: ['{} of 5', '{} 分（满分 5 分）'],
  comment: ['Anything to add? (optional)', '补充说明（选填）'],
  submit: ['Send', '提交'],
  later: ['Not now', '暂不评价'],
  leave: ['Leave a message', '留言'],
  name: ['Your name', '您的称呼'],
  contact: ['Mail or telephone', '邮箱或电话'],
  message: ['Message', '留言内容'],
} as const;

/** Types a browser may show inside the page. */
const PICTURES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp'];
const EMOJI = [
  ...'😀😄😁😂🤣😊🙂😉😍🥰😘😋😎🤔😐😅😴😢😭😠😱🥳🤝👍👎👏🙏💪👌✌👋🙌❤💔💯🔥🎉🎁🌹☕🍻✅❌❓❗⭐⏰📷📎📦🚚💰💳🏠',
];

/** Emoji stand in rows of eight. */
const STEPS: Record<string, number> = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 8, ArrowUp: -8 };
const SAVE_MS = 60_000;
const TYPING_MS = 6_000;
const SHEET = 'M6 3h8l4 4v14H6ZM14 3v4h4M9 12h6M9 16h6';

function say(widget: PosthouseWidget, key: keyof typeof TEXT, value = ''): string {
  return TEXT[key][widget.lang === 'zh' ? 1 : 0].replace('{}', value);
}

function dress({ root }: PosthouseWidget): void {
  const style = 'dressed';
  if ((root as unknown as Record<string, boolean>)[style]) return;
  (root as unknown as Record<string, boolean>)[style] = true;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(css);
  root.adoptedStyleSheets = [...root.adoptedStyleSheets, sheet];
}

/** Opens or closes the emoji panel above the input. */
export function emoji(widget: PosthouseWidget): void {
  dress(widget);
  const { input, form } = widget;
  const opener = form.querySelector('button')!;
  const open = widget.panel.querySelector('.emoji');
  const close = (box: Element) => {
    box.remove();
    opener.setAttribute('aria-expanded', 'false');
    input.focus();
  };
  if (open) return close(open);
  const put = (sign: string) => {
    input.setRangeText(sign, input.selectionStart, input.selectionEnd, 'end');
    input.dispatchEvent(new Event('input'));
    input.focus();
  };
  const signs = EMOJI.map((sign) =>
    h('button', { type: 'button', tabindex: -1, onclick: () => put(sign) }, sign),
  );
  const onkeydown = (event: KeyboardEvent) => {
    const step = STEPS[event.key];
    if (event.key === 'Escape') close(box);
    else if (!step) return;
    const at = signs.indexOf(widget.root.activeElement as HTMLElement);
    if (step) move((at + step + signs.length) % signs.length);
    event.preventDefault();
    event.stopPropagation();
  };
  // One stop for Tab; the arrows walk inside.
  const move = (to: number) => {
    signs.forEach((sign, at) => (sign.tabIndex = at === to ? 0 : -1));
    signs[to]!.focus();
  };
  const label = say(widget, 'emoji');
  const box = h('div.emoji', { role: 'group', 'aria-label': label, onkeydown }, ...signs);
  form.before(box);
  opener.setAttribute('aria-expanded', 'true');
  form.addEventListener('submit', () => box.isConnected && close(box), { once: true });
  move(0);
}

/** Lets the visitor choose files. */
export function pick(widget: PosthouseWidget): void {
  const chooser = h<HTMLInputElement>('input', { type: 'file', multiple: '' });
  chooser.onchange = () => upload(widget, [...(chooser.files ?? [])]);
  chooser.click();
}

/** Uploads the files with progress; each becomes a message. */
export function upload(widget: PosthouseWidget, files: File[]): void {
  dress(widget);
  for (const file of files) void send(widget, file);
}

async function send(widget: PosthouseWidget, file: File): Promise<void> {
  const { session, conversation, log } = widget;
  const bar = h<HTMLProgressElement>('progress', { max: 1, value: 0, 'aria-label': file.name });
  const request = new XMLHttpRequest();
  const cancel = h(
    'button',
    {
      type: 'button',
      onclick: () => {
        request.abort();
        row.remove();
        widget.input.focus();
      },
    },
    say(widget, 'cancel'),
  );
  const note = h('div');
  const row = h('div.up', {}, file.name, bar, note, cancel);
  log.element.append(row);
  log.toEnd();
  const fail = (key: 'failed' | 'tooLarge', told = '') => {
    row.classList.add('bad');
    bar.remove();
    note.textContent = told || say(widget, key);
    const again = () => {
      row.remove();
      widget.input.focus();
      void send(widget, file);
    };
    if (key === 'failed')
      cancel.before(h('button', { type: 'button', onclick: again }, say(widget, 'retry')));
  };
  try {
    const name = encodeURIComponent(file.name || 'image.png');
    const { url, headers } = await session.locate(
      `/v1/blobs?conversation=${conversation}&name=${name}`,
    );
    request.open('POST', url);
    for (const [key, value] of Object.entries(headers)) request.setRequestHeader(key, value);
    request.setRequestHeader('Accept-Language', widget.lang);
    request.upload.onprogress = ({ loaded, total }) => (bar.value = loaded / (total || 1));
    request.onerror = () => fail('failed');
    request.onload = () => {
      if (request.status === 413) return fail('tooLarge');
      if (request.status >= 300) return fail('failed', reason(request.responseText));
      const { media_type: mediaType, ...rest } = JSON.parse(request.responseText) as Answer;
      row.remove();
      void widget.send({ attachment: { ...rest, mediaType } });
    };
    request.send(file);
  } catch {
    fail('failed');
  }
}

type Answer = Omit<Attachment, 'mediaType'> & { media_type: string };

function reason(text: string): string {
  try {
    return (JSON.parse(text) as { what?: string }).what ?? '';
  } catch {
    return '';
  }
}

const fades = new WeakMap<PosthouseWidget, ReturnType<typeof setTimeout>>();

/** Says that the agent is typing, until told otherwise or nothing is heard of it any more. */
export function typing(widget: PosthouseWidget, active: boolean): void {
  dress(widget);
  const { panel, form } = widget;
  let dots = panel.querySelector('.dots');
  if (!dots) form.before((dots = h('div.dots', { role: 'status' })));
  dots.textContent = active ? say(widget, 'typing', panel.querySelector('#t')!.textContent!) : '';
  clearTimeout(fades.get(widget));
  if (active) fades.set(widget, setTimeout(() => typing(widget, false), TYPING_MS));
}

/** What is in a bubble or a line besides plain text. */
export function fill(widget: PosthouseWidget, item: Item, slot: HTMLElement): void {
  dress(widget);
  widget.log.stick(() => {
    if (item.line) slot.textContent = sentence(widget, item.line);
    else if (item.gone) slot.textContent = say(widget, item.gone === 2 ? 'deleted' : 'recalled');
    else if (item.attachment) show(widget, item.attachment, slot);
    else slot.replaceChildren(...linkify(item.text));
  });
}

function sentence(widget: PosthouseWidget, entry: Entry): string {
  const { assigned, transferred, resolved, reopened, rated } = entry;
  if (assigned) return say(widget, 'joined', assigned.name);
  if (transferred) return say(widget, 'transferred');
  if (resolved) return say(widget, 'resolved');
  if (reopened) return say(widget, 'reopened');
  return rated ? `${say(widget, 'rated')} ${'★'.repeat(Math.min(5, rated.score))}` : '';
}

/** The buttons of a message, as they are wanted by now. */
export function acts(widget: PosthouseWidget, key: string, { meta, acts }: Held): void {
  const { session, conversation, input } = widget;
  dress(widget);
  const act = {
    recall: () => session.submit(conversation, { recall: { targetKey: key } }),
    retry: () => session.retry(key),
    discard: () => session.discard(key),
  };
  const button = (name: Act) => {
    const onclick = () => {
      void act[name]();
      input.focus();
    };
    return h('button', { type: 'button', onclick }, say(widget, name));
  };
  const wanted = acts.split(',').filter(Boolean) as Act[];
  meta.replaceChildren(meta.firstChild!, ...wanted.map(button));
}

/** Puts an attachment into a message's bubble: a picture, or a button that downloads. */
function show(widget: PosthouseWidget, item: Attachment, slot: HTMLElement): void {
  const load = async () => {
    const path = `/v1/blobs/${item.blob}?conversation=${widget.conversation}`;
    const answer = await widget.session.request(path);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return URL.createObjectURL(await answer.blob());
  };
  const save = async () => {
    try {
      const href = await load();
      h('a', { href, download: item.name }).click();
      setTimeout(() => URL.revokeObjectURL(href), SAVE_MS);
    } catch {
      widget.tell(say(widget, 'noFile'));
    }
  };
  const size =
    item.size > 1e6 ? `${(item.size / 1e6).toFixed(1)} MB` : `${Math.ceil(item.size / 1e3)} kB`;
  const label = say(widget, 'download', item.name);
  const file = h(
    'button.file',
    { type: 'button', title: label, onclick: () => void save() },
    icon(SHEET),
    h('span', {}, item.name, h('small', {}, size)),
  );
  if (!PICTURES.includes(item.mediaType)) return slot.replaceChildren(file);
  const image = h<HTMLImageElement>('img', {
    alt: item.name,
    width: item.width,
    height: item.height,
  });
  image.style.height = 'auto';
  slot.replaceChildren(
    h('button.pic', { type: 'button', title: label, onclick: () => void save() }, image),
  );
  const fail = () => widget.log.stick(() => slot.replaceChildren(file));
  image.onerror = fail;
  // Its room is kept by its size: nothing moves when it comes.
  load().then((url) => (image.src = url), fail);
}

/** Shows the page of messages before the first one on screen. */
export async function older(widget: PosthouseWidget): Promise<void> {
  const { log } = widget;
  const height = log.element.scrollHeight;
  try {
    const first = Math.min(...log.rows.keys());
    const rows = await widget.session.before(publicFeed(widget.conversation), first);
    for (const row of rows) log.rows.set(row.index, row);
    widget.paint();
    log.element.scrollTop += log.element.scrollHeight - height;
  } catch {
    widget.tell(widget.say('reconnecting'));
  }
}

/** Asks for one to five stars once the conversation is resolved. */
export function rate(widget: PosthouseWidget): void {
  const { log, visitor } = widget;
  if (!widget.resolved || widget.panel.querySelector('.card')) return;
  if ((visitor.saved.unrated ?? 0) >= log.last) return;
  dress(widget);
  let score = 0;
  const stars = [1, 2, 3, 4, 5].map((value) =>
    h(
      'button',
      {
        type: 'button',
        'aria-label': say(widget, 'stars', `${value}`),
        'aria-pressed': 'false',
        onclick: () => choose(value),
      },
      '☆',
    ),
  );
  const comment = h<HTMLTextAreaElement>('textarea', {
    rows: 2,
    maxlength: 300,
    'aria-label': say(widget, 'comment'),
    placeholder: say(widget, 'comment'),
    hidden: '',
  });
  const go = h(
    'button.go',
    { type: 'button', hidden: '', onclick: () => void finish() },
    say(widget, 'submit'),
  );
  const end = () => {
    card.remove();
    widget.input.focus();
  };
  const later = () => {
    // Not asked again at each page of the same conversation.
    visitor.keep({ unrated: log.last });
    end();
  };
  const no = h('button.no', { type: 'button', onclick: later }, say(widget, 'later'));
  const card = h(
    'div.card',
    { role: 'group', 'aria-labelledby': 'r' },
    h('h2', { id: 'r' }, say(widget, 'rateTitle')),
    h('div.stars', { role: 'group' }, ...stars),
    comment,
    go,
    no,
  );
  const choose = (value: number) => {
    score = value;
    comment.hidden = go.hidden = false;
    stars.forEach((star, at) => {
      star.classList.toggle('on', at < value);
      star.textContent = at < value ? '★' : '☆';
      star.setAttribute('aria-pressed', String(at + 1 === value));
    });
  };
  const finish = async () => {
    end();
    await widget.session.submit(widget.conversation, {
      rate: { score, comment: comment.value.trim() },
    });
  };
  widget.form.before(card);
  widget.form.addEventListener('submit', () => card.remove(), { once: true });
  // Reopened, or rated in another tab: there is nothing to ask any more.
  const stop = widget.session.listen(() => {
    if (widget.resolved) return;
    queueMicrotask(() => stop());
    card.remove();
  });
}

/** At most the 128 bytes that the desk takes for a name. */
function short(text: string): string {
  let value = text.trim();
  while (new TextEncoder().encode(value).length > 128) value = value.slice(0, -1);
  return value;
}

/** Nobody is there: asks for name, contact and message instead of showing the input. */
export function offline(widget: PosthouseWidget): void {
  if (widget.panel.querySelector('.card')) return;
  dress(widget);
  const field = (key: 'name' | 'contact', kind: string) =>
    h<HTMLInputElement>('input', { name: key, autocomplete: kind, maxlength: 100 });
  const name = field('name', 'name');
  const contact = field('contact', 'email');
  const message = h<HTMLTextAreaElement>('textarea', { rows: 4, maxlength: 2700, required: '' });
  contact.required = true;
  const end = () => {
    stop();
    card.remove();
    widget.form.hidden = false;
    widget.input.focus();
  };
  const send = (event: Event) => {
    event.preventDefault();
    const text = message.value.trim();
    if (!text) return message.focus();
    const profile = { name: short(name.value), contact: short(contact.value) };
    void widget.send({ text }, profile);
    end();
  };
  const card = h(
    'form.card',
    { onsubmit: send },
    h('h2', {}, say(widget, 'leave')),
    h('label', {}, say(widget, 'name'), name),
    h('label', {}, say(widget, 'contact'), contact),
    h('label', {}, say(widget, 'message'), message),
    h('button.go', { type: 'submit' }, say(widget, 'submit')),
  );
  card.style.display = 'block';
  widget.form.hidden = true;
  widget.form.before(card);
  name.focus();
  // Somebody came: what was not written yet can be said at once.
  const stop = widget.session.listen(() => {
    if (widget.visitor.staffed && !message.value) queueMicrotask(end);
  });
}
