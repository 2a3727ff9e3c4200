// The sign-in sheet. A lockout shows how long it lasts and keeps the button off until then.
import { useState } from 'preact/hooks';
import { site } from './state/desk.ts';
import { t } from './state/language.ts';
import { signIn } from './state/sign-in.ts';
import { Field, Form, useSending } from './ui/field.tsx';
import { Letter } from './ui/letter.tsx';

export function SignIn() {
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const sending = useSending();
  return (
    <Letter title={site.value.name || 'Posthouse'} lead={t('signInLead')}>
      <Form sending={sending} submit={() => signIn(login.trim(), password)}>
        <Field label={t('login')}>
          <input
            class="input"
            name="username"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            autofocus
            value={login}
            onInput={(event) => setLogin(event.currentTarget.value)}
          />
        </Field>
        <Field label={t('password')}>
          <input
            class="input"
            type="password"
            name="password"
            autocomplete="current-password"
            required
            value={password}
            onInput={(event) => setPassword(event.currentTarget.value)}
          />
        </Field>
        <button class="button main wide" disabled={sending.busy || sending.waitMs > 0}>
          {t(sending.busy ? 'signingIn' : 'signIn')}
        </button>
      </Form>
    </Letter>
  );
}
