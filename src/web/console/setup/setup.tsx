// First run: the one-time code claims the site; afterwards the line to paste and where to try it.
import { useState } from 'preact/hooks';
import { api } from '../state/api.ts';
import { chooseLanguage, language, t } from '../state/language.ts';
import { enter } from '../state/sign-in.ts';
import { Field, Form, Snippet, snippetOf, useSending } from '../ui/field.tsx';
import { Letter } from '../ui/letter.tsx';
import { PASSWORD_LEAST, PasswordPair, pairProblem } from '../ui/password.tsx';

export default function Setup() {
  const [inboxKey, setInboxKey] = useState<string | null>(null);
  return inboxKey === null ? <Claim done={setInboxKey} /> : <Done inboxKey={inboxKey} />;
}

/** The code may come with the address that the server printed: /setup#code=… */
const codeInAddress = () => /code=([\w-]+)/.exec(location.hash + location.search)?.[1] ?? '';

function Claim({ done }: { done: (inboxKey: string) => void }) {
  const [form, setForm] = useState({ code: codeInAddress(), site: '', owner: '' });
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const sending = useSending();
  const set = (name: keyof typeof form) => (event: { currentTarget: HTMLInputElement }) =>
    setForm({ ...form, [name]: event.currentTarget.value });

  const claim = async () => {
    const wrong = pairProblem(password, again);
    if (wrong) return sending.setProblem(wrong);
    const body = {
      ...form,
      code: form.code.trim(),
      owner: form.owner.trim(),
      password,
      language: language.value,
    };
    const answer = await api<{ inbox: { key: string } }>('POST', '/v1/setup', body);
    history.replaceState(null, '', '/');
    done(answer.inbox.key);
  };

  return (
    <Letter broad title={t('setupTitle')} lead={t('setupLead')}>
      <Form sending={sending} submit={claim}>
        <Field label={t('setupCode')} hint={t('setupCodeHint')}>
          <input
            class="input code"
            required
            autocomplete="one-time-code"
            spellcheck={false}
            value={form.code}
            onInput={set('code')}
          />
        </Field>
        <Field label={t('language')}>
          <select
            class="input"
            value={language.value}
            onChange={(event) => chooseLanguage(event.currentTarget.value as 'zh' | 'en')}
          >
            <option value="zh">中文</option>
            <option value="en">English</option>
          </select>
        </Field>
        <Field label={t('siteName')} hint={t('siteNameHint')}>
          <input class="input" required maxLength={60} value={form.site} onInput={set('site')} />
        </Field>
        <Field label={t('ownerLogin')} hint={t('ownerLoginHint')}>
          <input
            class="input"
            required
            maxLength={60}
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            value={form.owner}
            onInput={set('owner')}
          />
        </Field>
        <PasswordPair
          label={t('password')}
          password={password}
          again={again}
          setPassword={setPassword}
          setAgain={setAgain}
          hint={t('passwordHint', { n: PASSWORD_LEAST })}
        />
        <button class="button main wide" disabled={sending.busy || sending.waitMs > 0}>
          {t('claim')}
        </button>
      </Form>
    </Letter>
  );
}

function Done({ inboxKey }: { inboxKey: string }) {
  return (
    <Letter broad title={t('doneTitle')} lead={t('doneLead')}>
      <ol class="steps">
        <li>
          <h2>{t('doneTry')}</h2>
          <p class="quiet">{t('doneTryHint')}</p>
          <p>
            <a href="/demo" target="_blank" rel="noopener">
              {t('openDemo')}
            </a>
          </p>
        </li>
        <li>
          <h2>{t('donePaste')}</h2>
          <p class="quiet">{t('donePasteHint')}</p>
          <Snippet text={snippetOf(inboxKey)} label={t('snippet')} />
        </li>
        <li>
          <h2>{t('doneTrust')}</h2>
          <p class="quiet">{t('doneTrustHint')}</p>
          <p>
            <a href="/ca" target="_blank" rel="noopener">
              {t('certificate')}
            </a>
          </p>
        </li>
      </ol>
      <button type="button" class="button main wide" onClick={() => void enter()}>
        {t('openConsole')}
      </button>
    </Letter>
  );
}
