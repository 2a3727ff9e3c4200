// The settings: sections at the left, the chosen one at the right. Owners have all, administrators
// those of their duty, others their account. Whoever answers nobody has no other screen.
import type { ComponentType } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { converses, may, type Right } from '../state/rights.ts';
import { t } from '../state/language.ts';
import { go, route } from '../state/route.ts';
import { Icon, type IconName } from '../ui/icon.tsx';
import type { Word } from '../words.ts';
import { Account } from './account.tsx';
import { MainMenu } from '../list/own-bar.tsx';
import { Agents } from './agents.tsx';
import { Audit } from './audit.tsx';
import { Inboxes } from './inboxes.tsx';
import { Site } from './site.tsx';
import { Teams } from './teams.tsx';
import '../style/settings.css';

interface Section {
  name: string;
  icon: IconName;
  word: Word;
  /** One of these is needed; none: everybody's. */
  rights: Right[];
  screen: ComponentType;
}

const SECTIONS: readonly Section[] = [
  { name: 'inboxes', icon: 'inbox', word: 'inboxes', rights: ['settings'], screen: Inboxes },
  { name: 'agents', icon: 'person', word: 'agents', rights: ['accounts', 'roles'], screen: Agents },
  { name: 'teams', icon: 'people', word: 'teams', rights: ['settings'], screen: Teams },
  { name: 'site', icon: 'house', word: 'site', rights: ['settings'], screen: Site },
  { name: 'audit', icon: 'note', word: 'auditLog', rights: ['audit'], screen: Audit },
  { name: 'account', icon: 'lock', word: 'ownAccount', rights: [], screen: Account },
];

export default function Settings() {
  const here = route.value.screen === 'settings' ? route.value.section : '';
  const mine = SECTIONS.filter(({ rights }) => !rights.length || may(...rights));
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
        {converses.value ? (
          <a class="menu-item back" href="#/">
            <Icon name="back" />
            <span>{t('backToDesk')}</span>
          </a>
        ) : (
          <div class="own-menu">
            <MainMenu />
          </div>
        )}
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
