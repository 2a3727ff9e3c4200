// The audit log: whether it is as it was written, and its lines, newest first, by who, what and when.
import { useEffect, useState } from 'preact/hooks';
import { api, type Problem, problemOf } from '../state/api.ts';
import { language, t } from '../state/language.ts';
import type { Word } from '../words.ts';
import { Field, Form, TextField, useSending } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { ProblemNotice } from '../ui/notice.tsx';
import { Check, Head } from './parts.tsx';

interface Line {
  i: number;
  at_ms: number;
  who: string;
  what: string;
  about: string;
  result: string;
  from?: string;
  clock?: string;
  late_ms?: number;
}

interface Found {
  kind: string;
  file: string | null;
  line: number | null;
  from: number | null;
  to: number | null;
}

interface Verdict {
  last: number;
  before: number;
  signed: number;
  head_ms: number | null;
  findings: Found[];
}

/** Words of single acts; all others have the word of their group. */
const DID: Record<string, Word> = {
  'sign-in': 'didSignIn',
  'sign-out': 'didSignOut',
  'site.claim': 'didSiteClaim',
  'site.change': 'didSiteChange',
  'agent.add': 'didAgentAdd',
  'agent.change': 'didAgentChange',
  'agent.password': 'didAgentPassword',
  'duties.separate': 'didDutiesSeparate',
  'duties.combine': 'didDutiesCombine',
  'team.add': 'didTeamAdd',
  'team.change': 'didTeamChange',
  'inbox.add': 'didInboxAdd',
  'inbox.change': 'didInboxChange',
  'conversation.erase': 'didErase',
};

/** What can be asked for: the beginning of an act's name. */
const GROUPS: readonly (readonly [string, Word])[] = [
  ['sign-in', 'didSignIn'],
  ['sign-out', 'didSignOut'],
  ['agent', 'didAccounts'],
  ['duties', 'duties'],
  ['site', 'site'],
  ['team', 'teams'],
  ['inbox', 'inboxes'],
  ['conversation', 'didErase'],
  ['cert', 'didCert'],
  ['config', 'didConfig'],
  ['store', 'didStore'],
  ['key', 'didKey'],
  ['audit', 'didAudit'],
  ['desk', 'didDesk'],
];

const FOUND: Record<string, Word> = {
  edited: 'foundEdited',
  missing: 'foundMissing',
  reordered: 'foundReordered',
  inserted: 'foundInserted',
  truncated: 'foundTruncated',
  head: 'foundHead',
  unreadable: 'foundUnreadable',
  changed: 'foundChanged',
};

const DAYS = [30, 90, 180];

export function Audit() {
  return (
    <>
      <Head title={t('auditLog')} lead={t('auditLead')} />
      <State />
      <Lines />
      <Export />
    </>
  );
}

function State() {
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(true);
  const verify = async () => {
    setBusy(true);
    try {
      setVerdict(await api<Verdict>('POST', '/v1/audit/verify'));
      setProblem(null);
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  useEffect(() => void verify(), []);
  const sound = verdict?.findings.length === 0;
  return (
    <section class="audit-state" aria-live="polite">
      {problem && <ProblemNotice problem={problem} />}
      {!problem && !verdict && <p class="quiet">{t('auditVerifying')}</p>}
      {!problem && verdict && (
        <div class={sound ? 'notice good' : 'notice'} role={sound ? 'status' : 'alert'}>
          <Icon name={sound ? 'check' : 'warn'} />
          <div class="fold">
            <strong>{sentence(verdict)}</strong>
            {verdict.head_ms !== null && (
              <span>{t('auditHead', { time: moment(verdict.head_ms) })}</span>
            )}
            {!sound && <Findings list={verdict.findings} />}
          </div>
        </div>
      )}
      <button type="button" class="button" disabled={busy} onClick={() => void verify()}>
        {t(busy ? 'auditVerifying' : 'auditVerify')}
      </button>
    </section>
  );
}

function sentence({ last, before, signed, findings }: Verdict): string {
  if (findings.length) return t('auditChanged', { n: findings.length });
  if (before) return t('auditSince180', { first: before + 1, last, signed });
  return t('auditWhole', { last, signed });
}

function Findings({ list }: { list: readonly Found[] }) {
  return (
    <ul>
      {list.map((found, at) => {
        const file = found.file?.split('/').pop();
        const place = file ? `${file}:${found.line}` : '';
        const span = found.from === null ? '' : `${found.from}–${found.to}`;
        const word = FOUND[found.kind];
        return <li key={at}>{[word && t(word), span, place].filter(Boolean).join(' · ')}</li>;
      })}
    </ul>
  );
}

interface Ask {
  who: string;
  what: string;
  since: string;
  until: string;
  refused: boolean;
}

const NOTHING: Ask = { who: '', what: '', since: '', until: '', refused: false };

/** Midnight of a day of this browser's time zone, some days later. */
function midnight(day: string, plus: number): string {
  const [year, month, date] = day.split('-').map(Number);
  return `${new Date(year!, month! - 1, date! + plus).getTime()}`;
}

function pathOf(ask: Ask, before: number | null): string {
  const query = new URLSearchParams();
  if (ask.who.trim()) query.set('who', ask.who.trim());
  if (ask.what) query.set('what', ask.what);
  if (ask.since) query.set('since_ms', midnight(ask.since, 0));
  if (ask.until) query.set('until_ms', midnight(ask.until, 1));
  if (ask.refused) query.set('refused', 'true');
  if (before !== null) query.set('before', `${before}`);
  return `/v1/audit?${query}`;
}

function Lines() {
  const [ask, setAsk] = useState(NOTHING);
  const [asked, setAsked] = useState(NOTHING);
  const [lines, setLines] = useState<readonly Line[] | null>(null);
  const [next, setNext] = useState<number | null>(null);
  const sending = useSending();
  const set = (change: Partial<Ask>) => setAsk({ ...ask, ...change });
  const load = async (wanted: Ask, before: number | null) => {
    const answer = await api<{ lines: Line[]; next: number | null }>('GET', pathOf(wanted, before));
    setLines([...(before === null ? [] : (lines ?? [])), ...answer.lines]);
    setNext(answer.next);
    setAsked(wanted);
  };
  useEffect(() => void sending.send(() => load(NOTHING, null)), []);
  return (
    <>
      <Form sending={sending} submit={() => load(ask, null)}>
        <Questions ask={ask} set={set} busy={sending.busy} />
      </Form>
      {lines && <Table lines={lines} />}
      {lines?.length === 0 && <p class="empty">{t('auditNone')}</p>}
      {next !== null && (
        <button
          type="button"
          class="button below"
          disabled={sending.busy}
          onClick={() => void sending.send(() => load(asked, next))}
        >
          {t(lines?.length ? 'showOlder' : 'auditOlder')}
        </button>
      )}
    </>
  );
}

interface QuestionsProps {
  ask: Ask;
  set: (change: Partial<Ask>) => void;
  busy: boolean;
}

function Questions({ ask, set, busy }: QuestionsProps) {
  return (
    <div class="audit-ask">
      <TextField
        label={t('auditWho')}
        maxLength={60}
        autocapitalize="none"
        spellcheck={false}
        value={ask.who}
        set={(who) => set({ who })}
      />
      <Field label={t('auditWhat')}>
        <select
          class="input"
          value={ask.what}
          onChange={(event) => set({ what: event.currentTarget.value })}
        >
          <option value="">{t('auditAll')}</option>
          {GROUPS.map(([value, word]) => (
            <option value={value}>{t(word)}</option>
          ))}
        </select>
      </Field>
      <TextField
        label={t('auditSince')}
        type="date"
        value={ask.since}
        set={(since) => set({ since })}
      />
      <TextField
        label={t('auditUntil')}
        type="date"
        value={ask.until}
        set={(until) => set({ until })}
      />
      <div class="ends">
        <button class="button main" disabled={busy}>
          {t('auditShow')}
        </button>
        <Check word={t('auditRefused')} on={ask.refused} set={(refused) => set({ refused })} />
      </div>
    </div>
  );
}

function Table({ lines }: { lines: readonly Line[] }) {
  if (lines.length === 0) return null;
  return (
    <table class="audit">
      <thead>
        <tr>
          <th>{t('auditWhen')}</th>
          <th>{t('auditWho')}</th>
          <th>{t('auditWhat')}</th>
          <th>{t('auditResult')}</th>
        </tr>
      </thead>
      <tbody>
        {lines.map((line) => (
          <tr key={line.i}>
            <td class="when">
              <span class="figures">{moment(line.at_ms)}</span>
              <small class="figures">
                {[`#${line.i}`, line.clock && t('auditClock')].filter(Boolean).join(' · ')}
              </small>
              {line.late_ms && <small>{t('auditLate', { time: moment(line.late_ms) })}</small>}
            </td>
            <td class="by">
              {doer(line.who)}
              {line.from && <small class="figures">{line.from}</small>}
            </td>
            <td class="did">
              {did(line.what)}
              <small>{[line.what, line.about].filter(Boolean).join(' · ')}</small>
            </td>
            <td class="end">
              <Result of={line.result} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Result({ of }: { of: string }) {
  if (of === 'ok') return <span class="tag">{t('auditOk')}</span>;
  if (of === 'unfinished') return <span class="tag late">{t('auditUnfinished')}</span>;
  return <span class="tag late">{of}</span>;
}

function did(what: string): string {
  const group = GROUPS.find(([start]) => what.split('.')[0] === start);
  const word = DID[what] ?? group?.[1];
  return word ? t(word) : what;
}

/** "agent 3 li" is li; a name behind a question mark was only claimed. */
function doer(who: string): string {
  if (who === 'operator') return t('auditOperator');
  if (who === 'desk') return t('auditDesk');
  if (who.startsWith('? ')) return t('auditUnproven', { name: who.slice(2) });
  return /^agent \d+ (.+)$/.exec(who)?.[1] ?? who;
}

function moment(ms: number): string {
  const tag = language.value === 'zh' ? 'zh-CN' : 'en-GB';
  return new Date(ms).toLocaleString(tag, { dateStyle: 'medium', timeStyle: 'medium' });
}

function Export() {
  const [days, setDays] = useState(0);
  return (
    <section class="part">
      <h2>{t('auditExport')}</h2>
      <p class="quiet">{t('auditExportHint')}</p>
      <div class="part-actions">
        <select
          class="input"
          aria-label={t('auditExport')}
          value={days}
          onChange={(event) => setDays(Number(event.currentTarget.value))}
        >
          <option value={0}>{t('auditAll')}</option>
          {DAYS.map((n) => (
            <option value={n}>{t('auditDays', { n })}</option>
          ))}
        </select>
        <a
          class="button"
          href={days ? `/v1/audit/export?days=${days}` : '/v1/audit/export'}
          download="audit.jsonl"
        >
          <Icon name="save" small />
          {t('download')}
        </a>
      </div>
    </section>
  );
}
