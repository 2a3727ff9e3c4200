// Who it is, whose it is, and what can be done with it: take, transfer, resolve, reopen.
import { useState } from 'preact/hooks';
import { type ConversationRow, STATE_ASSIGNED, STATE_QUEUED } from '../../shared/gen/posthouse.ts';
import { nowMs, span } from '../state/clock.ts';
import {
  agentName,
  inboxName,
  isClosed,
  isSupervisor,
  me,
  teamName,
  visitorName,
} from '../state/desk.ts';
import { t } from '../state/language.ts';
import { submit } from '../state/live.ts';
import { Icon } from '../ui/icon.tsx';
import { TransferDialog } from './transfer.tsx';

interface Props {
  id: string;
  row: ConversationRow | undefined;
  toggleDetails: () => void;
  details: boolean;
}

export function ChatHeader({ id, row, toggleDetails, details }: Props) {
  const [giving, setGiving] = useState(false);
  const own = row?.agent === me.value?.id && row?.state === STATE_ASSIGNED;
  const mayAct = own || isSupervisor.value;
  const open = row !== undefined && !isClosed(row);
  return (
    <header class="bar">
      <a class="tool only-phone" href="#/" aria-label={t('backToList')}>
        <Icon name="back" />
      </a>
      <div class="chat-title">
        <h2 class="cut">{visitorName(row)}</h2>
        <p class="cut">{row && standing(row)}</p>
      </div>
      {open && !own && (row.state === STATE_QUEUED || isSupervisor.value) && (
        <button type="button" class="button main" onClick={() => take(id)}>
          <Icon name="take" small />
          {t('take')}
        </button>
      )}
      {open && mayAct && row.state === STATE_ASSIGNED && (
        <Action icon="give" word={t('transfer')} act={() => setGiving(true)} />
      )}
      {open && mayAct && row.state === STATE_ASSIGNED && (
        <Action icon="check" word={t('resolve')} act={() => void submit(id, { resolve: {} })} />
      )}
      {isClosed(row) && <Action icon="reopen" word={t('reopen')} act={() => take(id)} />}
      <button
        type="button"
        class="tool only-narrow"
        aria-label={t('visitorDetails')}
        aria-expanded={details}
        onClick={toggleDetails}
      >
        <Icon name="side" />
      </button>
      {giving && row && <TransferDialog row={row} close={() => setGiving(false)} />}
    </header>
  );
}

/** Taking a resolved conversation reopens it. */
export const take = (id: string) => void submit(id, { assign: { agent: me.value?.id ?? 0 } });

function Action({
  icon,
  word,
  act,
}: {
  icon: 'give' | 'check' | 'reopen';
  word: string;
  act: () => void;
}) {
  return (
    <button type="button" class="button action" onClick={act} title={word}>
      <Icon name={icon} small />
      <span class="action-word">{word}</span>
    </button>
  );
}

/** One line: whose it is and how long it waits. */
function standing(row: ConversationRow): string {
  const parts: string[] = [];
  if (row.state === STATE_QUEUED) parts.push(t('inQueueOf', { team: teamName(row.team) }));
  else if (isClosed(row)) parts.push(t('stateResolved'));
  else
    parts.push(
      row.agent === me.value?.id ? t('yours') : t('withAgent', { name: agentName(row.agent) }),
    );
  if (!isClosed(row) && row.waitingSinceMs) {
    parts.push(t('waiting', { time: span(nowMs.value - row.waitingSinceMs) }));
  }
  parts.push(inboxName(row.inbox));
  return parts.filter(Boolean).join(' · ');
}
