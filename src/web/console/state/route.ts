// Where the reader is, as the part of the address after '#': #/c/<conversation>,
// #/settings/<section>.
import { signal } from '@preact/signals';

export type Route =
  { screen: 'desk'; conversation: string | null } | { screen: 'settings'; section: string };

function parse(hash: string): Route {
  const [, place, rest] = hash.replace(/^#/, '').split('/');
  if (place === 'settings') return { screen: 'settings', section: rest || '' };
  const known = place === 'c' && /^[0-9a-f]{32}$/.test(rest ?? '');
  return { screen: 'desk', conversation: known ? rest! : null };
}

export const route = signal<Route>(parse(location.hash));
addEventListener('hashchange', () => (route.value = parse(location.hash)));

/** "" = the list, "c/<id>", "settings/<section>". */
export function go(path: string): void {
  location.hash = path ? `#/${path}` : '#/';
}
