// The log: stays at its end while the reader is there, loads older pages at its top without a jump.
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ConversationRow } from '../../shared/gen/posthouse.ts';
import { dayName } from '../state/clock.ts';
import { log, me, outbox, visitorName } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { loadOlder, markRead, trimLog } from '../state/live.ts';
import { markSeen } from '../state/unread.ts';
import { Icon } from '../ui/icon.tsx';
import { EventLine } from './event.tsx';
import { itemsOf } from './items.ts';
import { MessageView } from './message.tsx';

/** Closer to the end than this counts as being at the end. */
const NEAR_PX = 60;
/** Rows kept on the page while its end is shown. */
const MOST_ROWS = 400;

export function LogView({ id, row }: { id: string; row: ConversationRow | undefined }) {
  const frame = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const height = useRef(0);
  const [away, setAway] = useState(false);
  const [loading, setLoading] = useState(false);
  const open = log.value?.id === id ? log.value : null;
  const first = open?.rows[0]?.index ?? 0;
  const last = open?.rows.at(-1);
  const pending = outbox.value.filter((item) => item.conversation === id);

  useLayoutEffect(() => {
    const box = frame.current;
    if (box && atEnd.current) box.scrollTop = box.scrollHeight;
  }, [last?.index, pending.length, open?.typing, open?.ready]);

  // Older rows came in above: what the reader looks at stays where it is.
  useLayoutEffect(() => {
    const box = frame.current;
    if (box && !atEnd.current) box.scrollTop += box.scrollHeight - height.current;
  }, [first]);

  useEffect(() => {
    const look = () => atEnd.current && document.hasFocus() && sayRead(id);
    look();
    addEventListener('focus', look);
    return () => removeEventListener('focus', look);
  }, [id, last?.index, open?.ready, away]);

  // Pictures and a changed window size move the end.
  useEffect(() => {
    const box = frame.current;
    if (!box) return;
    const follow = new ResizeObserver(() => atEnd.current && (box.scrollTop = box.scrollHeight));
    follow.observe(box);
    follow.observe(box.firstElementChild!);
    return () => follow.disconnect();
  }, []);

  const older = async () => {
    if (loading || first <= 1) return;
    setLoading(true);
    height.current = frame.current?.scrollHeight ?? 0;
    await loadOlder().catch(() => false);
    setLoading(false);
  };
  const onScroll = () => {
    const box = frame.current!;
    atEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_PX;
    setAway(!atEnd.current);
    if (box.scrollTop < 200) void older();
    if (atEnd.current) trimLog(MOST_ROWS);
  };
  const toEnd = () => {
    atEnd.current = true;
    frame.current!.scrollTop = frame.current!.scrollHeight;
  };

  const items = itemsOf(open?.rows ?? [], pending, me.value?.id ?? 0);
  return (
    <>
      <div
        class="log"
        ref={frame}
        onScroll={onScroll}
        tabIndex={0}
        role="log"
        aria-label={t('messages')}
      >
        <div class="log-inner">
          <div class="log-top">
            {(loading || !open?.ready) && (
              <div class="spin" role="status" aria-label={t('loading')} />
            )}
            {first > 1 && !loading && (
              <button type="button" class="link" onClick={() => void older()}>
                {t('showOlder')}
              </button>
            )}
          </div>
          {items.map((item) => {
            if (item.kind === 'day')
              return (
                <div class="day" key={item.id}>
                  {dayName(item.atMs)}
                </div>
              );
            if (item.kind === 'event') return <EventLine key={item.id} entry={item.entry} />;
            return (
              <MessageView key={item.id} said={item} conversation={id} visitor={visitorName(row)} />
            );
          })}
          {open?.typing !== null && open?.typing !== undefined && (
            <TypingPreview name={visitorName(row)} text={open.typing} />
          )}
        </div>
      </div>
      {away && (
        <button type="button" class="button to-end" onClick={toEnd}>
          <Icon name="down" small />
          {t('toEnd')}
        </button>
      )}
    </>
  );
}

function TypingPreview({ name, text }: { name: string; text: string }) {
  return (
    <div class="says first" aria-live="off">
      <div class="says-head">{t('isTyping', { name })}</div>
      <div class="says-line">
        <div class="bubble draft">{text || '…'}</div>
      </div>
    </div>
  );
}

/** Everything shown is read: by the visitor's feed index for them, by time for the own list. */
function sayRead(id: string): void {
  const open = log.peek();
  if (open?.id !== id || open.rows.length === 0) return;
  const shown = open.rows.reduce((most, row) => Math.max(most, row.publicIndex), 0);
  if (shown) markRead(id, shown);
  markSeen(id, open.rows.at(-1)!.entry.atMs);
}
