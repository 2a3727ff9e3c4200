// The sign-in sheet, with the certificate of the connection when it names an agent. A lockout shows
// how long it lasts and keeps the button off until then.
import { useEffect, useState } from 'preact/hooks';
import { site } from './state/desk.ts';
import { t } from './state/language.ts';
import { certificateHolder, signIn, signInByCertificate } from './state/sign-in.ts';
import { Field, Form, useSending } from './ui/field.tsx';
import { Letter } from './ui/letter.tsx';

export function SignIn() {
  const [login, setLogin] = useState('');
  const [password, setPassword] = useState('');
  const [holder, setHolder] = useState<string | null>(null);
  const sending = useSending();
  useEffect(() => void certificateHolder().then(setHolder), []);
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
      {holder !== null && (
        <Form sending={sending} submit={signInByCertificate}>
          <button class="button wide" disabled={sending.busy}>
            {t('signInByCertificate', { name: holder })}
          </button>
        </Form>
      )}
    </Letter>
  );
}
