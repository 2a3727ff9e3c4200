// What the sections share: the head with its button, a list of cards, the form of one row in a
// dialog.
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { api, type Problem, problemOf } from '../state/api.ts';
import { t } from '../state/language.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Form, useSending } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { ProblemNotice } from '../ui/notice.tsx';
import { toJson } from '../state/wire-json.ts';

interface HeadProps {
  title: string;
  lead: string;
  add?: { word: string; act: () => void };
}

export function Head({ title, lead, add }: HeadProps) {
  return (
    <header class="settings-head">
      <div>
        <h1>{title}</h1>
        <p>{lead}</p>
      </div>
      {add && (
        <button type="button" class="button main" onClick={add.act}>
          <Icon name="plus" small />
          {add.word}
        </button>
      )}
    </header>
  );
}

interface Listed<T> {
  list: readonly T[] | null;
  problem: Problem | null;
  reload: () => Promise<void>;
}

/** A list of the API under its own name: `/v1/agents` answers `{agents: […]}`. */
export function useList<T>(
  name: 'agents' | 'teams' | 'inboxes',
  from: (json: unknown) => T,
): Listed<T> {
  const [list, setList] = useState<readonly T[] | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const reload = async () => {
    try {
      const answer = await api<Record<string, unknown[]>>('GET', `/v1/${name}`);
      setList((answer[name] ?? []).map(from));
      setProblem(null);
    } catch (error) {
      setProblem(problemOf(error));
    }
  };
  useEffect(() => void reload(), []);
  return { list, problem, reload };
}

interface CardsProps<T> {
  listed: Listed<T>;
  empty: string;
  card: (row: T) => ComponentChildren;
}

export function Cards<T extends { id: number; disabled: boolean }>({
  listed,
  empty,
  card,
}: CardsProps<T>) {
  const { list, problem } = listed;
  if (problem) return <ProblemNotice problem={problem} />;
  if (!list) return <div class="spin" role="status" aria-label={t('loading')} />;
  if (list.length === 0) return <p class="empty">{empty}</p>;
  return (
    <ul class="cards">
      {list.map((row) => (
        <li key={row.id} class={row.disabled ? 'off' : ''}>
          {card(row)}
        </li>
      ))}
    </ul>
  );
}

interface RowDialogProps {
  title: string;
  /** `/v1/agents`; with an id the row is changed, without it is new. */
  path: string;
  id: number;
  /** What to send; may throw nothing and return a problem found before sending. */
  body: () => object | { problem: Problem };
  done: () => Promise<void>;
  close: () => void;
  children: ComponentChildren;
}

export function RowDialog({ title, path, id, body, done, close, children }: RowDialogProps) {
  const sending = useSending();
  const submit = async () => {
    const change = body();
    if ('problem' in change) return sending.setProblem(change.problem);
    await api(id ? 'PATCH' : 'POST', id ? `${path}/${id}` : path, toJson(change));
    await done();
    close();
  };
  return (
    <Dialog title={title} close={close}>
      <Form sending={sending} submit={submit}>
        {children}
        <div class="form-end">
          <button type="button" class="button" onClick={close}>
            {t('cancel')}
          </button>
          <button class="button main" disabled={sending.busy}>
            {t('save')}
          </button>
        </div>
      </Form>
    </Dialog>
  );
}

export function Check({
  word,
  on,
  set,
}: {
  word: string;
  on: boolean;
  set: (on: boolean) => void;
}) {
  return (
    <label class="check">
      <input type="checkbox" checked={on} onChange={(event) => set(event.currentTarget.checked)} />
      <span>{word}</span>
    </label>
  );
}
