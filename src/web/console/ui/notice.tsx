// A refusal with what to do next; the waiting time of a lockout counts down.
import type { Problem } from '../state/api.ts';
import { dismiss, toasts } from '../state/toasts.ts';
import { t } from '../state/language.ts';
import { Icon } from './icon.tsx';

export function ProblemNotice({ problem, waitMs = 0 }: { problem: Problem; waitMs?: number }) {
  return (
    <div class="notice" role="alert">
      <Icon name="warn" />
      <ProblemText problem={problem} waitMs={waitMs} />
    </div>
  );
}

function ProblemText({ problem, waitMs }: { problem: Problem; waitMs: number }) {
  return (
    <div class="fold">
      <strong>{problem.what}</strong>
      {problem.remedy && <span>{problem.remedy} </span>}
      {waitMs > 0 && <span class="figures">{t('tryIn', { n: Math.ceil(waitMs / 1000) })} </span>}
      {problem.code > 0 && <span class="figures">({problem.code})</span>}
    </div>
  );
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, problem, text }) => (
        <div key={id} class={problem ? 'notice' : 'notice good'}>
          <Icon name={problem ? 'warn' : 'check'} />
          {problem ? <ProblemText problem={problem} waitMs={0} /> : <div class="fold">{text}</div>}
          <button type="button" class="tool" aria-label={t('close')} onClick={() => dismiss(id)}>
            <Icon name="close" small />
          </button>
        </div>
      ))}
    </div>
  );
}
