// The site: its name, default language, how long a visitor may wait; and the certificate to trust.
import { useState } from 'preact/hooks';
import { api } from '../state/api.ts';
import { site } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { tell } from '../state/toasts.ts';
import { siteFrom, toJson } from '../state/wire-json.ts';
import { Field, Form, useSending } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { Head } from './parts.tsx';

export function Site() {
  const [row, setRow] = useState({ ...site.value });
  const sending = useSending();
  const save = async () => {
    const { name, language, answerTimeoutMs } = row;
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
        <Field label={t('siteName')} hint={t('siteNameHint')}>
          <input
            class="input"
            required
            maxLength={60}
            value={row.name}
            onInput={(event) => setRow({ ...row, name: event.currentTarget.value })}
          />
        </Field>
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
        <Field label={t('answerTimeout')} hint={t('answerTimeoutHint')}>
          <input
            class="input"
            type="number"
            min={0.5}
            max={1440}
            step={0.5}
            required
            value={row.answerTimeoutMs / 60_000}
            onInput={(event) =>
              setRow({
                ...row,
                answerTimeoutMs: Math.round(Number(event.currentTarget.value) * 60_000),
              })
            }
          />
        </Field>
        <button class="button main" disabled={sending.busy}>
          {t('save')}
        </button>
      </Form>
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
