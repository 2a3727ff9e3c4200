// The settings: sections at the left, the chosen one at the right. Owners have all, others their
// account.
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { isOwner } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { go, route } from '../state/route.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import type { Word } from '../words.ts';
import { Account } from './account.tsx';
import { Agents } from './agents.tsx';
import { Inboxes } from './inboxes.tsx';
import { Site } from './site.tsx';
import { Teams } from './teams.tsx';
import '../style/settings.css';

interface Section {
  name: string;
  icon: IconName;
  word: Word;
  owner: boolean;
  screen: ComponentType;
}

const SECTIONS: readonly Section[] = [
  { name: 'inboxes', icon: 'inbox', word: 'inboxes', owner: true, screen: Inboxes },
  { name: 'agents', icon: 'person', word: 'agents', owner: true, screen: Agents },
  { name: 'teams', icon: 'people', word: 'teams', owner: true, screen: Teams },
  { name: 'site', icon: 'house', word: 'site', owner: true, screen: Site },
  { name: 'account', icon: 'lock', word: 'ownAccount', owner: false, screen: Account },
];

export default function Settings() {
  const here = route.value.screen === 'settings' ? route.value.section : '';
  const mine = SECTIONS.filter((section) => isOwner.value || !section.owner);
  const chosen = mine.find((section) => section.name === here) ?? mine[0]!;
  const Chosen = chosen.screen;
  const side = useRef<HTMLElement>(null);
  // On a phone the sections stand in one line that is longer than the screen.
  useEffect(() => {
    const current = side.current?.querySelector('[aria-current]');
    current?.scrollIntoView({ inline: 'center', block: 'nearest' });
  }, [chosen]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      // Not the Escape of an input method, a list of choices or a half-filled field.
      const target = event.target as HTMLElement;
      if (event.key === 'Escape' && !target.closest('input, select, textarea')) go('');
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <div class="settings">
      <nav class="settings-side" aria-label={t('settings')} ref={side}>
        <a class="menu-item back" href="#/">
          <Icon name="back" />
          <span>{t('backToDesk')}</span>
        </a>
        {mine.map((section) => (
          <a
            key={section.name}
            class="menu-item"
            href={`#/settings/${section.name}`}
            aria-current={section === chosen ? 'page' : undefined}
          >
            <Icon name={section.icon} />
            {t(section.word)}
          </a>
        ))}
      </nav>
      <main class="settings-main">
        <div class="settings-inner">
          <Chosen key={chosen.name} />
        </div>
      </main>
    </div>
  );
}
