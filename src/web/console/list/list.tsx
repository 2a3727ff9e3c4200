// The list pane: mine, queue, all. Mine first shows who waits longest; the queue is in its own
// order.
import { signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ConversationRow } from '../../shared/gen/posthouse.ts';
import { api, problemOf } from '../state/api.ts';
import * as desk from '../state/desk.ts';
import { t } from '../state/language.ts';
import { complain } from '../state/toasts.ts';
import { unreadTotal } from '../state/unread.ts';
import { conversationFrom } from '../state/wire-json.ts';
import { Icon } from '../ui/icon.tsx';
import { OwnBar } from './own-bar.tsx';
import { ListRow } from './row.tsx';

type Tab = 'mine' | 'queue' | 'all';
const TABS: readonly Tab[] = ['mine', 'queue', 'all'];
const WORDS = { mine: 'tabMine', queue: 'tabQueue', all: 'tabAll' } as const;
const tab = signal<Tab>('mine');
/** Whether older conversations than those shown exist on the server. */
const more = signal(true);

const listed = (which: Tab): readonly ConversationRow[] => desk[which].value;

/** Fetches the newest page of "all", or the page before the oldest row. */
async function fetchAll(older: boolean): Promise<void> {
  const oldest = older ? desk.all.value.at(-1) : undefined;
  const before = oldest ? `&before_ms=${Math.max(oldest.lastMs, oldest.openedMs)}` : '';
  try {
    const answer = await api<{ conversations: unknown[] }>(
      'GET',
      `/v1/conversations?view=all${before}`,
    );
    const known = desk.rows.value;
    const rows = answer.conversations.map(conversationFrom);
    more.value = rows.some((row) => !known.has(row.id)) || !older;
    desk.takeFetched(rows);
  } catch (error) {
    complain(problemOf(error));
  }
}

export function ListPane() {
  const body = useRef<HTMLDivElement>(null);
  const shown = listed(tab.value);
  useEffect(() => {
    if (tab.value === 'all') void fetchAll(false);
  }, [tab.value]);

  const onKey = (event: KeyboardEvent) => {
    if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
    const list = [...(body.current?.querySelectorAll<HTMLElement>('.row') ?? [])];
    const at = list.indexOf(document.activeElement as HTMLElement);
    const next = list[at + (event.key === 'ArrowDown' ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  };

  return (
    <section class="pane list" aria-label={t('conversations')}>
      <OwnBar />
      <Tabs />
      <div
        class="rows"
        id="rows"
        role="tabpanel"
        aria-labelledby={`tab-${tab.value}`}
        ref={body}
        onKeyDown={onKey}
      >
        {shown.map((row) => (
          <ListRow key={row.id} row={row} owner={tab.value === 'all'} />
        ))}
        {shown.length === 0 && <EmptyList which={tab.value} />}
        {tab.value === 'all' && shown.length > 0 && more.value && (
          <button type="button" class="button wide" onClick={() => void fetchAll(true)}>
            {t('showOlder')}
          </button>
        )}
      </div>
    </section>
  );
}

function Tabs() {
  const onKey = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    tab.value = TABS[(TABS.indexOf(tab.value) + step + TABS.length) % TABS.length]!;
    document.getElementById(`tab-${tab.value}`)?.focus();
  };
  const count = { mine: unreadTotal.value, queue: desk.queue.value.length, all: 0 };
  return (
    <div class="tabs" role="tablist" onKeyDown={onKey}>
      {TABS.map((which) => (
        <button
          type="button"
          class="tab"
          role="tab"
          id={`tab-${which}`}
          key={which}
          aria-selected={tab.value === which}
          aria-controls="rows"
          tabIndex={tab.value === which ? 0 : -1}
          onClick={() => (tab.value = which)}
        >
          {t(WORDS[which])}
          {which === 'mine' && count.mine === 0 && desk.mine.value.length > 0 && (
            <span class="count">{desk.mine.value.length}</span>
          )}
          {count[which] > 0 && (
            <span class={which === 'mine' ? 'badge' : 'count hot'}>{count[which]}</span>
          )}
        </button>
      ))}
    </div>
  );
}

function EmptyList({ which }: { which: Tab }) {
  const words = {
    mine: ['emptyMine', 'emptyMineHint'],
    queue: ['emptyQueue', 'emptyQueueHint'],
    all: ['emptyAll', 'emptyAllHint'],
  } as const;
  return (
    <div class="empty">
      <Icon name={which === 'queue' ? 'clock' : 'talk'} />
      <strong>{t(words[which][0])}</strong>
      <p>{t(words[which][1])}</p>
      {which === 'all' && desk.isOwner.value && (
        <a class="button" href="#/settings/inboxes">
          {t('connectPage')}
        </a>
      )}
      {which === 'mine' && desk.queue.value.length > 0 && (
        <button type="button" class="button" onClick={() => (tab.value = 'queue')}>
          {t('seeQueue', { n: desk.queue.value.length })}
        </button>
      )}
    </div>
  );
}
