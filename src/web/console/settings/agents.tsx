// Agents: who may sign in, as what, for which teams, and how many conversations at a time.
import { useState } from 'preact/hooks';
import {
  type AgentRow,
  ROLE_AGENT,
  ROLE_OWNER,
  STATUS_OFFLINE,
} from '../../shared/gen/posthouse.ts';
import { me, presence, site, teamName, teams } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { administers, may } from '../state/rights.ts';
import { agentFrom } from '../state/wire-json.ts';
import { STATUSES } from '../list/own-bar.tsx';
import { AgentFace } from '../ui/face.tsx';
import { Field, NameField, TextField } from '../ui/field.tsx';
import { PASSWORD_LEAST, PasswordPair, pairProblem } from '../ui/password.tsx';
import { PictureField } from '../ui/picture.tsx';
import { Cards, Check, Head, RowDialog, useList } from './parts.tsx';

const ROLE_WORDS = [
  'roleAgent',
  'roleAgent',
  'roleSupervisor',
  'roleOwner',
  'roleSystem',
  'roleSecurity',
  'roleAudit',
] as const;
const ROLE_HINTS = [
  'roleAgentHint',
  'roleAgentHint',
  'roleSupervisorHint',
  'roleOwnerHint',
  'roleSystemHint',
  'roleSecurityHint',
  'roleAuditHint',
] as const;

/** Owners and the three administrators are never held on the same site. */
const heldHere = (role: number) =>
  site.value.separateDuties ? role !== ROLE_OWNER : !administers(role);
const NEW: AgentRow = {
  id: 0,
  login: '',
  name: '',
  avatar: '',
  role: ROLE_AGENT,
  capacity: 5,
  teams: [],
  disabled: false,
};

export function Agents() {
  const listed = useList('agents', agentFrom);
  const [edited, setEdited] = useState<AgentRow | null>(null);
  const add = () => setEdited({ ...NEW, teams: [...teams.value.keys()].slice(0, 1) });
  return (
    <>
      <Head
        title={t('agents')}
        lead={t('agentsLead')}
        {...(may('accounts') ? { add: { word: t('addAgent'), act: add } } : {})}
      />
      <Cards
        listed={listed}
        empty={t('noneYet')}
        card={(agent) => (
          <>
            <AgentFace agent={agent} own={agent.id === me.value?.id} />
            <div class="grow">
              <strong>{agent.name}</strong> <StatusTag agent={agent} />
              <p>{about(agent)}</p>
            </div>
            <button
              type="button"
              class="button"
              onClick={() => setEdited(agent)}
              aria-label={`${t('change')} ${agent.name}`}
            >
              {t('change')}
            </button>
          </>
        )}
      />
      {edited && <AgentDialog agent={edited} done={listed.reload} close={() => setEdited(null)} />}
    </>
  );
}

function StatusTag({ agent }: { agent: AgentRow }) {
  if (agent.disabled) return <span class="tag late">{t('disabled')}</span>;
  if (administers(agent.role)) return null;
  const status = presence.value.get(agent.id) ?? STATUS_OFFLINE;
  const [, look, word] = STATUSES.find(([known]) => known === status) ?? STATUSES[2];
  return (
    <span class="tag">
      <span class={`dot ${look}`} />
      {t(word)}
    </span>
  );
}

function about(agent: AgentRow): string {
  const names = agent.teams.map(teamName).join(t('listComma'));
  const role = t(ROLE_WORDS[agent.role] ?? 'roleAgent');
  const capacity = administers(agent.role) ? '' : t('capacityOf', { n: agent.capacity });
  return [agent.login, role, capacity, names]
    .filter(Boolean)
    .join(' · ');
}

interface DialogProps {
  agent: AgentRow;
  done: () => Promise<void>;
  close: () => void;
}

/** The fields of `now` that differ from `before`. */
function changed(before: AgentRow, now: Partial<AgentRow>): Partial<AgentRow> {
  const old = before as unknown as Record<string, unknown>;
  const differs = ([key, value]: [string, unknown]) => `${value}` !== `${old[key]}`;
  return Object.fromEntries(Object.entries(now).filter(differs));
}

function AgentDialog({ agent, done, close }: DialogProps) {
  const [row, setRow] = useState(agent);
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [reset, setReset] = useState(agent.id === 0 && may('roles'));
  const set = (change: Partial<AgentRow>) => setRow({ ...row, ...change });
  const self = agent.id !== 0 && agent.id === me.value?.id;

  const body = () => {
    const problem = reset ? pairProblem(password, again) : null;
    if (problem) return { problem };
    const { login, name, role, capacity, teams, disabled } = row;
    const secret = reset ? { password } : {};
    const whole = { name: name.trim(), role, capacity, teams, disabled };
    if (agent.id) return { ...changed(agent, whole), ...secret };
    return { login: login.trim(), name: name.trim(), role, capacity, teams, ...secret };
  };
  // Whoever gives roles does not keep accounts where duties are separated, and the other way round.
  const keeps = may('accounts');
  const gives = may('roles') && !self;
  const ranks = administers(agent.role);
  const rises = administers(row.role) && !ranks;
  // A picture is stored when it is chosen, whatever becomes of the form.
  const shown = ({ avatar }: AgentRow) => {
    set({ avatar });
    if (self && me.value) me.value = { ...me.value, avatar };
    void done();
  };
  const toggleTeam = (id: number, on: boolean) =>
    set({ teams: on ? [...row.teams, id] : row.teams.filter((team) => team !== id) });

  return (
    <RowDialog
      title={agent.id ? agent.name : t('addAgent')}
      path="/v1/agents"
      id={agent.id}
      body={body}
      done={done}
      close={close}
    >
      {agent.id !== 0 && keeps && <PictureField agent={row} changed={shown} />}
      <div class="form-row">
        <NameField
          hint={t('agentNameHint')}
          disabled={!keeps}
          value={row.name}
          set={(name) => set({ name })}
        />
        <TextField
          label={t('login')}
          required
          disabled={agent.id !== 0}
          maxLength={60}
          autocapitalize="none"
          autocomplete="off"
          spellcheck={false}
          value={row.login}
          set={(login) => set({ login })}
        />
      </div>
      <div class="form-row">
        <Field
          label={t('role')}
          hint={`${t(ROLE_HINTS[row.role] ?? 'roleAgentHint')} ${rises ? t('roleRises') : ''}`}
        >
          <select
            class="input"
            value={row.role}
            disabled={!gives}
            onChange={(event) => set({ role: Number(event.currentTarget.value) })}
          >
            {ROLE_WORDS.map(
              (word, role) =>
                role >= ROLE_AGENT && heldHere(role) && <option value={role}>{t(word)}</option>,
            )}
          </select>
        </Field>
        <TextField
          label={t('capacity')}
          hint={t('capacityHint')}
          type="number"
          min={1}
          max={100}
          required
          disabled={!keeps}
          value={`${row.capacity}`}
          set={(text) => set({ capacity: Number(text) })}
        />
      </div>
      <fieldset class="field plain" disabled={!keeps}>
        <legend class="label">{t('teams')}</legend>
        <div class="checks">
          {[...teams.value.values()]
            .filter((team) => !team.disabled)
            .map((team) => (
              <Check
                key={team.id}
                word={team.name}
                on={row.teams.includes(team.id)}
                set={(on) => toggleTeam(team.id, on)}
              />
            ))}
        </div>
      </fieldset>
      {agent.id === 0 && !may('roles') && <p class="quiet">{t('passwordLater')}</p>}
      {agent.id !== 0 && gives && !ranks && !rises && (
        <Check word={t('resetPassword')} on={reset} set={setReset} />
      )}
      {reset && (
        <PasswordPair
          label={t('newPassword')}
          hint={t('passwordHint', { n: PASSWORD_LEAST })}
          password={password}
          again={again}
          setPassword={setPassword}
          setAgain={setAgain}
        />
      )}
      {agent.id !== 0 && !self && (ranks ? gives : keeps) && (
        <Check word={t('disableAgent')} on={row.disabled} set={(disabled) => set({ disabled })} />
      )}
    </RowDialog>
  );
}
