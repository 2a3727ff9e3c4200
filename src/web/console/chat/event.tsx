// What happened to the conversation besides messages, as one quiet line.
import {
  type Entry,
  QUEUE_REASON_AGENT_GONE,
  QUEUE_REASON_REOPENED,
  QUEUE_REASON_TIMEOUT,
  QUEUE_REASON_TRANSFER,
} from '../../shared/gen/posthouse.ts';
import { hourMinute } from '../state/clock.ts';
import { agentName, me, teamName } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { Stars } from '../ui/stars.tsx';

export function EventLine({ entry }: { entry: Entry }) {
  const text = sentence(entry);
  if (!text) return null;
  return (
    <p class="event">
      {text}
      {entry.rated && <Stars score={entry.rated.score} />}
      {entry.rated?.comment && <span> “{entry.rated.comment}”</span>}
      <time dateTime={new Date(entry.atMs).toISOString()}>{hourMinute(entry.atMs)}</time>
    </p>
  );
}

const person = (id: number, name = '') => (id === me.value?.id ? t('you') : name || agentName(id));

function sentence(entry: Entry): string {
  const by = entry.author?.agent ? person(entry.author.agent, entry.author.name) : '';
  if (entry.opened) return t('eventOpened');
  if (entry.queued) {
    const team = teamName(entry.queued.team);
    switch (entry.queued.reason) {
      case QUEUE_REASON_TIMEOUT:
        return t('eventTimeout', { team });
      case QUEUE_REASON_AGENT_GONE:
        return t('eventAgentGone', { team });
      // The entry before says it already.
      case QUEUE_REASON_TRANSFER:
      case QUEUE_REASON_REOPENED:
        return '';
      default:
        return t('eventQueued', { team });
    }
  }
  if (entry.assigned) {
    const { agent, name } = entry.assigned;
    if (entry.author?.agent === agent) return t('eventTook', { name: person(agent, name) });
    return t('eventAssigned', { name: person(agent, name) });
  }
  if (entry.transferred) {
    const { toAgent, toTeam } = entry.transferred;
    const to = toAgent ? person(toAgent) : teamName(toTeam);
    return by ? t('eventTransferred', { by, to }) : t('eventMoved', { to });
  }
  if (entry.resolved) return by ? t('eventResolvedBy', { by }) : t('eventResolved');
  if (entry.reopened) return by ? t('eventReopenedBy', { by }) : t('eventReopened');
  if (entry.rated) return t('eventRated');
  return '';
}
