// A new password, typed twice.
import type { Problem } from '../state/api.ts';
import { t } from '../state/language.ts';
import { Field } from './field.tsx';

/** The server's least length, in characters. */
export const PASSWORD_LEAST = 10;

interface Props {
  label: string;
  hint: string;
  password: string;
  again: string;
  setPassword: (text: string) => void;
  setAgain: (text: string) => void;
}

export function PasswordPair({ label, hint, password, again, setPassword, setAgain }: Props) {
  return (
    <div class="form-row">
      <Field label={label} hint={hint}>
        <input
          class="input"
          type="password"
          autocomplete="new-password"
          required
          minLength={PASSWORD_LEAST}
          value={password}
          onInput={(event) => setPassword(event.currentTarget.value)}
        />
      </Field>
      <Field label={t('passwordAgain')}>
        <input
          class="input"
          type="password"
          autocomplete="new-password"
          required
          aria-invalid={again !== '' && again !== password}
          value={again}
          onInput={(event) => setAgain(event.currentTarget.value)}
        />
      </Field>
    </div>
  );
}

/** What is wrong with the pair, before the server is asked. */
export function pairProblem(password: string, again: string): Problem | null {
  if (password === again) return null;
  return {
    code: 0,
    what: t('passwordsDiffer'),
    remedy: t('passwordsDifferRemedy'),
    retry_after_ms: 0,
  };
}
