// Where an agent writes: an answer or a note. Enter sends, Shift+Enter breaks the line; an Enter
// that ends an input method's composition never sends.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import { type ConversationRow, STATE_QUEUED } from '../../shared/gen/posthouse.ts';
import { agentName, drafts, isClosed, isSupervisor, me } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { sayTyping, submit } from '../state/live.ts';
import { Icon } from '../ui/icon.tsx';
import { Emoji } from './emoji.tsx';
import { take } from './header.tsx';
import { UploadList } from './upload-list.tsx';
import { addFiles } from './uploads.ts';

/** Bytes of UTF-8 in one message (TEXT_BYTES of the server). */
const TEXT_BYTES = 8192;
const bytesOf = (text: string) => new TextEncoder().encode(text).length;

export function Composer({ id, row }: { id: string; row: ConversationRow | undefined }) {
  const [text, setText] = useState(drafts.get(id) ?? '');
  const [wantsNote, setWantsNote] = useState(false);
  const area = useRef<HTMLTextAreaElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const mine = row?.agent === me.value?.id && !isClosed(row);
  const note = wantsNote || !mine;
  const over = bytesOf(text) > TEXT_BYTES;

  useLayoutEffect(() => {
    const box = area.current;
    if (!box) return;
    box.style.height = 'auto';
    box.style.height = `${box.scrollHeight}px`;
  }, [text]);
  useLayoutEffect(() => {
    if (matchMedia('(min-width: 760px)').matches) area.current?.focus();
  }, []);

  const write = (next: string) => {
    setText(next);
    drafts.set(id, next);
    if (!note) sayTyping(id, next !== '');
  };
  const send = () => {
    const ready = text.trim();
    if (!ready || over) return;
    void submit(id, note ? { note: { text: ready } } : { message: { text: ready } });
    write('');
    area.current?.focus();
  };
  const onKey = (event: KeyboardEvent) => {
    const composing = event.isComposing || event.keyCode === 229;
    if (event.key !== 'Enter' || event.shiftKey || composing) return;
    event.preventDefault();
    send();
  };
  const insert = (emoji: string) => {
    const box = area.current!;
    const at = box.selectionStart;
    write(text.slice(0, at) + emoji + text.slice(box.selectionEnd));
    requestAnimationFrame(() => {
      box.focus();
      box.setSelectionRange(at + emoji.length, at + emoji.length);
    });
  };
  const onPaste = (event: ClipboardEvent) => {
    const { files, types } = event.clipboardData!;
    // A table that is copied comes as text and as its picture: the text is meant.
    if (!files.length || note || types.includes('text/plain')) return;
    event.preventDefault();
    addFiles(id, files);
  };

  return (
    <div class="composer">
      <StandBy id={id} row={row} />
      <UploadList conversation={id} />
      <div class={note ? 'composer-box note' : 'composer-box'}>
        <textarea
          ref={area}
          rows={1}
          value={text}
          dir="auto"
          aria-label={t(note ? 'writeNote' : 'writeAnswer')}
          placeholder={t(note ? 'writeNote' : 'writeAnswer')}
          onInput={(event) => write(event.currentTarget.value)}
          onKeyDown={onKey}
          onPaste={onPaste}
          onBlur={() => !note && sayTyping(id, false)}
        />
        <div class="composer-tools">
          {mine && <Modes note={note} choose={setWantsNote} />}
          {!note && (
            <>
              <button
                type="button"
                class="tool"
                title={t('attach')}
                aria-label={t('attach')}
                onClick={() => picker.current?.click()}
              >
                <Icon name="attach" />
              </button>
              <input
                ref={picker}
                type="file"
                multiple
                hidden
                onChange={(event) => {
                  addFiles(id, event.currentTarget.files);
                  event.currentTarget.value = '';
                }}
              />
            </>
          )}
          <Emoji pick={insert} />
          <span class="space" />
          <span class={over ? 'hint over' : 'hint'}>
            {over ? t('textTooLong') : t('enterSends')}
          </span>
          <button type="button" class="button main" disabled={!text.trim() || over} onClick={send}>
            <Icon name={note ? 'note' : 'send'} small />
            {t(note ? 'addNote' : 'send')}
          </button>
        </div>
      </div>
    </div>
  );
}

function Modes({ note, choose }: { note: boolean; choose: (note: boolean) => void }) {
  // Of two, any arrow leads to the other.
  const onKey = (event: KeyboardEvent & { currentTarget: HTMLElement }) => {
    if (!event.key.startsWith('Arrow')) return;
    event.preventDefault();
    choose(!note);
    event.currentTarget.querySelectorAll('button')[note ? 0 : 1]?.focus();
  };
  return (
    <div class="modes" role="radiogroup" aria-label={t('writeAs')} onKeyDown={onKey}>
      {[false, true].map((which) => (
        <button
          type="button"
          key={String(which)}
          class="mode"
          role="radio"
          aria-checked={note === which}
          tabIndex={note === which ? 0 : -1}
          onClick={() => choose(which)}
        >
          {t(which ? 'modeNote' : 'modeAnswer')}
        </button>
      ))}
    </div>
  );
}

/** Why an answer cannot be written here now, and the one thing to do about it. */
function StandBy({ id, row }: { id: string; row: ConversationRow | undefined }) {
  if (!row) return null;
  if (isClosed(row)) return <Bar text={t('closedHint')} word={t('reopen')} act={() => take(id)} />;
  if (row.state === STATE_QUEUED)
    return <Bar text={t('queuedHint')} word={t('take')} act={() => take(id)} />;
  if (row.agent === me.value?.id) return null;
  const text = t('othersHint', { name: agentName(row.agent) });
  return isSupervisor.value ? (
    <Bar text={text} word={t('take')} act={() => take(id)} />
  ) : (
    <Bar text={text} />
  );
}

function Bar({ text, word, act }: { text: string; word?: string; act?: () => void }) {
  return (
    <div class="closed-bar">
      <span>{text}</span>
      {act && (
        <button type="button" class="button" onClick={act}>
          {word}
        </button>
      )}
    </div>
  );
}
