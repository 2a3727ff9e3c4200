// The own account: picture and name as visitors see them, and a new password.
import { useState } from 'preact/hooks';
import { api } from '../state/api.ts';
import { me } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { tell } from '../state/toasts.ts';
import { agentFrom } from '../state/wire-json.ts';
import { Form, NameField, TextField, useSending } from '../ui/field.tsx';
import { PASSWORD_LEAST, PasswordPair, pairProblem } from '../ui/password.tsx';
import { PictureField } from '../ui/picture.tsx';
import { Head } from './parts.tsx';

export function Account() {
  return (
    <>
      <Head title={t('ownAccount')} lead={me.value?.login ?? ''} />
      <OwnName />
      <OwnPassword />
    </>
  );
}

function OwnName() {
  const [name, setName] = useState(me.value?.name ?? '');
  const sending = useSending();
  const save = async () => {
    const body = { name: name.trim() };
    me.value = agentFrom(await api<unknown>('PATCH', `/v1/agents/${me.value?.id}`, body));
    tell(t('saved'));
  };
  return (
    <Form sending={sending} submit={save} look="sheet-form">
      {me.value && <PictureField agent={me.value} changed={(row) => (me.value = row)} />}
      <NameField hint={t('agentNameHint')} value={name} set={setName} />
      <button class="button" disabled={sending.busy}>
        {t('save')}
      </button>
    </Form>
  );
}

function OwnPassword() {
  const [current, setCurrent] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const sending = useSending();
  const change = async () => {
    const wrong = pairProblem(password, again);
    if (wrong) return sending.setProblem(wrong);
    await api('PATCH', `/v1/agents/${me.value?.id}`, { current_password: current, password });
    setCurrent('');
    setPassword('');
    setAgain('');
    tell(t('passwordChanged'));
  };
  return (
    <Form sending={sending} submit={change} look="sheet-form">
      <h2>{t('changePassword')}</h2>
      <TextField
        label={t('currentPassword')}
        type="password"
        autocomplete="current-password"
        required
        value={current}
        set={setCurrent}
      />
      <PasswordPair
        label={t('newPassword')}
        hint={t('passwordHint', { n: PASSWORD_LEAST })}
        password={password}
        again={again}
        setPassword={setPassword}
        setAgain={setAgain}
      />
      <button class="button main" disabled={sending.busy}>
        {t('changePassword')}
      </button>
    </Form>
  );
}
