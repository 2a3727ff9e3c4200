// Light or dark: the reader's choice, else the system's, followed while it changes.
import { effect, signal } from '@preact/signals';
import { remember, remembered } from './kept.ts';

export type Theme = 'system' | 'light' | 'dark';

const system = matchMedia('(prefers-color-scheme: dark)');
const systemDark = signal(system.matches);
system.addEventListener('change', () => (systemDark.value = system.matches));

const kept = remembered('theme');
export const theme = signal<Theme>(kept === 'light' || kept === 'dark' ? kept : 'system');

export function chooseTheme(next: Theme): void {
  theme.value = next;
  remember('theme', next);
}

effect(() => {
  const dark = theme.value === 'system' ? systemDark.value : theme.value === 'dark';
  document.documentElement.dataset.theme = dark ? 'dark' : 'light';
});
