// Gives the conversation to another agent or to a team's queue.
import { type ConversationRow, STATUS_OFFLINE } from '../../shared/gen/posthouse.ts';
import { agents, presence, teams } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { submit } from '../state/live.ts';
import { Dialog } from '../ui/dialog.tsx';
import { AgentFace } from '../ui/face.tsx';
import { Icon } from '../ui/icon.tsx';
import { STATUSES } from '../list/own-bar.tsx';

export function TransferDialog({ row, close }: { row: ConversationRow; close: () => void }) {
  const status = (id: number) => presence.value.get(id) ?? STATUS_OFFLINE;
  const people = [...agents.value.values()]
    .filter((agent) => !agent.disabled && agent.id !== row.agent)
    .sort((a, b) => status(b.id) - status(a.id));
  const groups = [...teams.value.values()].filter((team) => !team.disabled);
  const give = (transfer: { agent: number; team: number }) => {
    void submit(row.id, { transfer });
    close();
  };
  return (
    <Dialog title={t('transferTitle')} close={close}>
      <p class="menu-title">{t('agents')}</p>
      {people.map((agent) => {
        const [, look, word] =
          STATUSES.find(([known]) => known === status(agent.id)) ?? STATUSES[2];
        return (
          <button
            type="button"
            class="menu-item"
            onClick={() => give({ agent: agent.id, team: 0 })}
          >
            <AgentFace agent={agent} />
            <span class="cut">{agent.name}</span>
            <span class="end tag">
              <span class={`dot ${look}`} />
              {t(word)}
            </span>
          </button>
        );
      })}
      {people.length === 0 && <p class="menu-title">{t('nobodyElse')}</p>}
      <p class="menu-title">{t('teamQueues')}</p>
      {groups.map((team) => (
        <button type="button" class="menu-item" onClick={() => give({ agent: 0, team: team.id })}>
          <Icon name="people" />
          <span class="cut">{team.name}</span>
        </button>
      ))}
    </Dialog>
  );
}
