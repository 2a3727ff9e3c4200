// Teams: groups of agents that share a queue.
import { useState } from 'preact/hooks';
import type { TeamRow } from '../../shared/gen/posthouse.ts';
import { agents } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { teamFrom } from '../state/wire-json.ts';
import { NameField } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { Cards, Check, Head, RowDialog, useList } from './parts.tsx';

const membersOf = (team: number) =>
  [...agents.value.values()].filter((agent) => !agent.disabled && agent.teams.includes(team));

export function Teams() {
  const listed = useList('teams', teamFrom);
  const [edited, setEdited] = useState<TeamRow | null>(null);
  const add = () => setEdited({ id: 0, name: '', disabled: false });
  return (
    <>
      <Head title={t('teams')} lead={t('teamsLead')} add={{ word: t('addTeam'), act: add }} />
      <Cards
        listed={listed}
        empty={t('noneYet')}
        card={(team) => (
          <>
            <Icon name="people" />
            <div class="grow">
              <strong>{team.name}</strong>{' '}
              {team.disabled && <span class="tag late">{t('disabled')}</span>}
              <p>
                {membersOf(team.id)
                  .map((agent) => agent.name)
                  .join(t('listComma')) || t('noMembers')}
              </p>
            </div>
            <button
              type="button"
              class="button"
              onClick={() => setEdited(team)}
              aria-label={`${t('change')} ${team.name}`}
            >
              {t('change')}
            </button>
          </>
        )}
      />
      {edited && <TeamDialog team={edited} done={listed.reload} close={() => setEdited(null)} />}
    </>
  );
}

function TeamDialog({
  team,
  done,
  close,
}: {
  team: TeamRow;
  done: () => Promise<void>;
  close: () => void;
}) {
  const [row, setRow] = useState(team);
  const body = () => {
    const name = row.name.trim();
    return team.id ? { name, disabled: row.disabled } : { name };
  };
  return (
    <RowDialog
      title={team.id ? team.name : t('addTeam')}
      path="/v1/teams"
      id={team.id}
      body={body}
      done={done}
      close={close}
    >
      <NameField
        hint={t('teamNameHint')}
        value={row.name}
        set={(name) => setRow({ ...row, name })}
      />
      {team.id !== 0 && (
        <Check
          word={t('disableTeam')}
          on={row.disabled}
          set={(disabled) => setRow({ ...row, disabled })}
        />
      )}
    </RowDialog>
  );
}
