// What a text message does not need, loaded at first use: emoji, files, pictures, rating, offline form.
import { h } from './dom.ts';
import css from './extra.css?inline';
import { publicFeed } from '../shared/id.ts';
import type { Attachment } from '../shared/gen/posthouse.ts';
import type { PosthouseWidget } from './widget.ts';

const TEXT = {
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

function say(widget: PosthouseWidget, key: keyof typeof TEXT, value = ''): string {
  return TEXT[key][/^zh/i.test(widget.language) ? 1 : 0].replace('{}', value);
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
  const open = widget.panel.querySelector('.emoji');
  if (open) return open.remove();
  const { input, form } = widget;
  const put = (sign: string) => {
    input.setRangeText(sign, input.selectionStart, input.selectionEnd, 'end');
    input.dispatchEvent(new Event('input'));
    input.focus();
  };
  const signs = EMOJI.map((sign) =>
    h('button', { type: 'button', 'aria-label': sign, onclick: () => put(sign) }, sign),
  );
  const box = h('div.emoji', { role: 'group' }, ...signs);
  form.before(box);
  widget.log.toEnd();
  form.addEventListener('submit', () => box.remove(), { once: true });
  signs[0]!.focus();
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
    { type: 'button', onclick: () => (request.abort(), row.remove()) },
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
    const again = () => (row.remove(), void send(widget, file));
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
    request.setRequestHeader('Accept-Language', widget.language);
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

/** Puts an attachment into a message's bubble: a picture, or a button that downloads. */
export async function show(
  widget: PosthouseWidget,
  item: Attachment,
  slot: HTMLElement,
): Promise<void> {
  dress(widget);
  const load = async () => {
    const path = `/v1/blobs/${item.blob}?conversation=${widget.conversation}`;
    const answer = await widget.session.request(path);
    if (!answer.ok) throw new Error(`${answer.status}`);
    return URL.createObjectURL(await answer.blob());
  };
  const save = async () => {
    const link = h('a', { href: await load(), download: item.name });
    link.click();
  };
  const size =
    item.size > 1e6 ? `${(item.size / 1e6).toFixed(1)} MB` : `${Math.ceil(item.size / 1e3)} kB`;
  const label = say(widget, 'download', item.name);
  const file = h(
    'button.file',
    { type: 'button', title: label, onclick: () => void save() },
    '📄',
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
  try {
    image.onload = () => widget.log.toEnd();
    image.onerror = () => slot.replaceChildren(file);
    image.src = await load();
  } catch {
    slot.replaceChildren(file);
  }
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
    widget.tell('reconnecting');
  }
}

/** Asks for one to five stars once the conversation is resolved. */
export function rate(widget: PosthouseWidget): void {
  if (!widget.resolved || widget.panel.querySelector('.card')) return;
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
  const no = h('button.no', { type: 'button', onclick: () => card.remove() }, say(widget, 'later'));
  const title = h('h2', {}, say(widget, 'rateTitle'));
  const card = h(
    'div.card',
    {},
    title,
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
    card.remove();
    await widget.session.submit(widget.conversation, {
      rate: { score, comment: comment.value.trim() },
    });
  };
  widget.form.before(card);
  widget.log.toEnd();
  widget.form.addEventListener('submit', () => card.remove(), { once: true });
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
    const profile = { name: short(name.value), contact: short(contact.value) };
    void widget.send({ text: message.value.trim() }, profile);
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
