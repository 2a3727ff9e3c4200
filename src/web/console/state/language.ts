// The language of the console: the reader's own choice, else the site's, else the browser's.
import { signal } from '@preact/signals';
import { WORDS, type Word } from '../words.ts';
import { remember, remembered } from './kept.ts';

export type Language = 'en' | 'zh';

const fromTag = (tag: string): Language => (/^zh/i.test(tag) ? 'zh' : 'en');

export const language = signal<Language>(chosen() ?? fromTag(navigator.language));

function chosen(): Language | undefined {
  const kept = remembered('language');
  return kept === 'en' || kept === 'zh' ? kept : undefined;
}

/** The site's default counts while the reader has not chosen. */
export function suggestLanguage(tag: string): void {
  if (tag && !chosen()) show(fromTag(tag));
}

export function chooseLanguage(next: Language): void {
  remember('language', next);
  show(next);
}

function show(next: Language): void {
  language.value = next;
  document.documentElement.lang = next === 'zh' ? 'zh-CN' : 'en';
}
show(language.value);

/** The words of `key` in the console's language; `{name}` is replaced by `values.name`. */
export function t(key: Word, values?: Record<string, string | number>): string {
  const text = WORDS[key][language.value === 'zh' ? 1 : 0];
  return values ? text.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name])) : text;
}
