// The sheet that stands alone on the page: sign-in, first run, no connection.
import type { ComponentChildren } from 'preact';
import { chooseLanguage, language, t } from '../state/language.ts';
import { MarkGlyph } from './icon.tsx';

interface Props {
  title: string;
  lead: string;
  broad?: boolean;
  children: ComponentChildren;
}

export function Letter({ title, lead, broad = false, children }: Props) {
  return (
    <div class="page">
      <main class={broad ? 'letter broad' : 'letter'}>
        <header class="letter-head">
          <MarkGlyph />
          <div>
            <h1>{title}</h1>
            <p>{lead}</p>
          </div>
        </header>
        {children}
      </main>
      <footer class="page-foot">
        <button
          type="button"
          class="link"
          onClick={() => chooseLanguage(language.value === 'zh' ? 'en' : 'zh')}
        >
          {language.value === 'zh' ? 'English' : '中文'}
        </button>
        <a href="/manual/">{t('manual')}</a>
        <a href="/ca">{t('certificate')}</a>
      </footer>
    </div>
  );
}
