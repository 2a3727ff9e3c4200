// Form parts: a labelled field with its hint, a form that sends once and shows the refusal, a
// snippet to copy.
import { cloneElement, type ComponentChildren, h, type HTMLAttributes, type VNode } from 'preact';
import { useEffect, useId, useState } from 'preact/hooks';
import { type Problem, problemOf } from '../state/api.ts';
import { t } from '../state/language.ts';
import { tell } from '../state/toasts.ts';
import { Icon } from './icon.tsx';
import { ProblemNotice } from './notice.tsx';

interface FieldProps {
  label: string;
  hint?: string | undefined;
  children: VNode<HTMLAttributes<HTMLElement>>;
}

export function Field({ label, hint, children }: FieldProps) {
  const id = useId();
  const described = hint ? { 'aria-describedby': `${id}h` } : {};
  return (
    <div class="field">
      <label class="label" for={id}>
        {label}
      </label>
      {cloneElement(children, { id, ...described })}
      {hint && (
        <span class="hint" id={`${id}h`}>
          {hint}
        </span>
      )}
    </div>
  );
}

interface TextProps {
  label: string;
  hint?: string;
  value: string;
  set: (text: string) => void;
  /** Given: a field of several lines. */
  rows?: number;
  type?: 'password' | 'number' | 'color' | 'date';
  required?: boolean;
  disabled?: boolean;
  maxLength?: number;
  min?: number;
  max?: number;
  step?: number;
  placeholder?: string;
  autocomplete?: 'off' | 'current-password';
  autocapitalize?: 'none';
  spellcheck?: boolean;
}

/** A labelled text field of one line or several. */
export function TextField({ label, hint, set, ...rest }: TextProps) {
  const onInput = (event: { currentTarget: { value: string } }) => set(event.currentTarget.value);
  return (
    <Field label={label} hint={hint}>
      {h(rest.rows ? 'textarea' : 'input', { class: 'input', onInput, ...rest } as object)}
    </Field>
  );
}

/** What a thing or a person is called. */
export const NameField = (props: {
  hint?: string;
  disabled?: boolean;
  value: string;
  set: (text: string) => void;
}) => (
  <TextField label={t('name')} required maxLength={60} {...props} />
);

/** What a form is doing: its refusal, whether it is under way, and how long it must wait. */
export function useSending() {
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const [waitMs, setWaitMs] = useState(0);
  useEffect(() => {
    if (waitMs <= 0) return;
    const timer = setTimeout(() => setWaitMs(Math.max(0, waitMs - 1000)), 1000);
    return () => clearTimeout(timer);
  }, [waitMs]);

  const send = async (work: () => Promise<void>) => {
    setBusy(true);
    setProblem(null);
    try {
      await work();
    } catch (error) {
      const told = problemOf(error);
      setProblem(told);
      setWaitMs(told.retry_after_ms);
    }
    setBusy(false);
  };
  return { problem, setProblem, busy, waitMs, send };
}

interface FormProps {
  sending: ReturnType<typeof useSending>;
  submit: () => Promise<void>;
  children: ComponentChildren;
  look?: string;
}

export function Form({ sending, submit, children, look = '' }: FormProps) {
  const onSubmit = (event: Event) => {
    event.preventDefault();
    if (!sending.busy && sending.waitMs <= 0) void sending.send(submit);
  };
  return (
    <form class={look} onSubmit={onSubmit}>
      {sending.problem && <ProblemNotice problem={sending.problem} waitMs={sending.waitMs} />}
      {children}
    </form>
  );
}

/** Something to copy: the widget's code. */
export function Snippet({ text, label }: { text: string; label: string }) {
  const copy = async () => {
    if (await copyText(text)) tell(t('copied'));
    else tell(t('copyByHand'));
  };
  return (
    <div class="snippet">
      <code aria-label={label}>{text}</code>
      <button type="button" class="button" onClick={copy}>
        <Icon name="copy" small />
        {t('copy')}
      </button>
    </div>
  );
}

/** Plain HTTP has no clipboard API; the old command still works there. */
async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    return done;
  }
}

/** The line to paste for an inbox. */
export const snippetOf = (key: string) =>
  `<script src="${location.origin}/widget.js" data-inbox="${key}" defer></script>`;
