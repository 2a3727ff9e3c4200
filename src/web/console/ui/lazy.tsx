// A screen in a chunk of its own: loaded when first shown; a failed load says so and can be
// repeated.
import type { ComponentType } from 'preact';
import { signal } from '@preact/signals';
import { problemOf } from '../state/api.ts';
import { t } from '../state/language.ts';
import { ProblemNotice } from './notice.tsx';

export function lazyScreen(load: () => Promise<{ default: ComponentType }>): ComponentType {
  const loaded = signal<ComponentType | null>(null);
  const failed = signal<unknown>(null);
  let asked = false;
  const ask = () => {
    asked = true;
    failed.value = null;
    load().then(
      (chunk) => (loaded.value = chunk.default),
      (error: unknown) => (failed.value = error),
    );
  };
  return function Lazy() {
    if (!asked) ask();
    const Screen = loaded.value;
    if (Screen) return <Screen />;
    if (!failed.value) return <div class="spin" role="status" aria-label={t('loading')} />;
    return (
      <div class="page">
        <ProblemNotice problem={problemOf(failed.value)} />
        <button type="button" class="button" onClick={ask}>
          {t('tryAgain')}
        </button>
      </div>
    );
  };
}
