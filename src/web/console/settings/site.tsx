// The site: its name, default language, how long a visitor may wait; and the certificate to trust.
import { useState } from 'preact/hooks';
import { api } from '../state/api.ts';
import { answerLimitMs, site } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { tell } from '../state/toasts.ts';
import { siteFrom, toJson } from '../state/wire-json.ts';
import { Field, Form, TextField, useSending } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { Head } from './parts.tsx';

export function Site() {
  const [row, setRow] = useState({ ...site.value });
  const [minutes, setMinutes] = useState(`${answerLimitMs.value / 60_000}`);
  const sending = useSending();
  const save = async () => {
    const { name, language } = row;
    const answerTimeoutMs = Math.round(Number(minutes) * 60_000);
    const answer = await api<unknown>(
      'PATCH',
      '/v1/site',
      toJson({ name: name.trim(), language, answerTimeoutMs }),
    );
    site.value = { ...site.value, ...siteFrom(answer) };
    tell(t('saved'));
  };
  return (
    <>
      <Head title={t('site')} lead={t('siteLead')} />
      <Form sending={sending} submit={save} look="sheet-form">
        <TextField
          label={t('siteName')}
          hint={t('siteNameHint')}
          required
          maxLength={60}
          value={row.name}
          set={(name) => setRow({ ...row, name })}
        />
        <Field label={t('siteLanguage')} hint={t('siteLanguageHint')}>
          <select
            class="input"
            value={/^zh/i.test(row.language) ? 'zh' : 'en'}
            onChange={(event) => setRow({ ...row, language: event.currentTarget.value })}
          >
            <option value="zh">中文</option>
            <option value="en">English</option>
          </select>
        </Field>
        <TextField
          label={t('answerTimeout')}
          hint={t('answerTimeoutHint')}
          type="number"
          min={0.5}
          max={1440}
          step={0.5}
          required
          value={minutes}
          set={setMinutes}
        />
        <button class="button main" disabled={sending.busy}>
          {t('save')}
        </button>
      </Form>
      <section class="part">
        <h2>{t('administration')}</h2>
        <p class="quiet">{t(row.separateDuties ? 'dutiesApart' : 'dutiesTogether')}</p>
      </section>
      <section class="part">
        <h2>{t('certificate')}</h2>
        <p class="quiet">{t('certificateHint')}</p>
        <p class="form-row part-actions">
          <a class="button" href="/ca.crt" download="posthouse-ca.crt">
            <Icon name="save" small />
            {t('downloadCa')}
          </a>
          <a class="button" href="/ca" target="_blank" rel="noopener">
            <Icon name="cert" small />
            {t('caSteps')}
          </a>
        </p>
      </section>
    </>
  );
}
