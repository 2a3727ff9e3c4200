// One conversation in the list.
import { type ConversationRow, STATE_ASSIGNED, STATE_QUEUED } from '../../shared/gen/posthouse.ts';
import { listTime, nowMs, span } from '../state/clock.ts';
import {
  agentName,
  inboxes,
  inboxName,
  isClosed,
  me,
  openId,
  visitorName,
  visitorsHere,
} from '../state/desk.ts';
import { t } from '../state/language.ts';
import { go } from '../state/route.ts';
import { unread } from '../state/unread.ts';
import { VisitorFace, waitOf } from '../ui/face.tsx';

export function ListRow({ row, owner }: { row: ConversationRow; owner: boolean }) {
  const name = visitorName(row);
  const count = unread.value.get(row.id) ?? 0;
  const look = `${count ? ' unread' : ''}${isClosed(row) ? ' done' : ''}`;
  return (
    <button
      type="button"
      class={`row${look}`}
      aria-current={openId.value === row.id}
      onClick={() => go(`c/${row.id}`)}
    >
      <VisitorFace
        row={row}
        waitingSinceMs={isClosed(row) ? 0 : row.waitingSinceMs}
        here={visitorsHere.value.has(row.id)}
      />
      <span class="row-body">
        <span class="row-line">
          <span class="row-name cut">{name}</span>
          <RowTime row={row} />
        </span>
        <span class="row-line">
          <span class="row-text cut">{row.preview || t('recalled')}</span>
          {count > 0 && (
            <span class="badge" aria-label={t('unreadCount', { n: count })}>
              {count}
            </span>
          )}
        </span>
        <Foot row={row} owner={owner} />
      </span>
    </button>
  );
}

function RowTime({ row }: { row: ConversationRow }) {
  if (isClosed(row) || !row.waitingSinceMs) {
    return <span class="row-time">{listTime(row.lastMs || row.openedMs)}</span>;
  }
  const { look } = waitOf(row.waitingSinceMs);
  return (
    <span class={`row-time ${look}`} title={t('waitsSince')}>
      <span class="only-read">{t('waitsSince')} </span>
      {span(nowMs.value - row.waitingSinceMs)}
    </span>
  );
}

function Foot({ row, owner }: { row: ConversationRow; owner: boolean }) {
  const parts: string[] = [];
  if (inboxes.value.size > 1 && inboxName(row.inbox)) parts.push(inboxName(row.inbox));
  if (owner) {
    if (row.state === STATE_QUEUED) parts.push(t('stateQueued'));
    else if (isClosed(row)) parts.push(t('stateResolved'));
    else if (row.state === STATE_ASSIGNED)
      parts.push(row.agent === me.value?.id ? t('you') : agentName(row.agent));
  }
  if (parts.length === 0) return null;
  return <span class="row-foot cut">{parts.join(' · ')}</span>;
}
