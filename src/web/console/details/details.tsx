// What is known of the visitor: who, where from, with what; and the conversation's own facts.
import type { ComponentChildren } from 'preact';
import type { ConversationRow, Profile } from '../../shared/gen/posthouse.ts';
import { dateTime } from '../state/clock.ts';
import {
  agentName,
  inboxName,
  isOwner,
  openId,
  rows,
  teamName,
  visitorName,
  visitorsHere,
} from '../state/desk.ts';
import { language, t } from '../state/language.ts';
import { VisitorFace } from '../ui/face.tsx';
import { Icon } from '../ui/icon.tsx';
import { Stars } from '../ui/stars.tsx';
import { deviceName } from './device.ts';
import { Erase } from './erase.tsx';

export function DetailsPane({ close }: { close: () => void }) {
  const row = openId.value ? rows.value.get(openId.value) : undefined;
  return (
    <aside class="pane details" aria-label={t('visitorDetails')}>
      <header class="bar only-narrow">
        <h2 class="mark">{t('visitorDetails')}</h2>
        <button type="button" class="tool" aria-label={t('close')} onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="scroll">
        {row ? <Facts row={row} /> : <p class="faint">{t('detailsEmpty')}</p>}
      </div>
    </aside>
  );
}

function Facts({ row }: { row: ConversationRow }) {
  const profile: Partial<Profile> = row.profile ?? {};
  const here = visitorsHere.value.has(row.id);
  return (
    <>
      <div class="who">
        <VisitorFace row={row} size="large" />
        <div>
          <h2>{visitorName(row)}</h2>
          <span class={here ? 'tag live' : 'tag'}>
            <span class={here ? 'dot online' : 'dot'} />
            {t(here ? 'onPage' : 'leftPage')}
          </span>
        </div>
      </div>
      <Group title={t('person')}>
        <Fact word={t('contact')}>{contact(profile.contact)}</Fact>
        <Fact word={t('language')}>{languageName(profile.language)}</Fact>
        <Fact word={t('device')}>{deviceName(profile.device ?? '')}</Fact>
        <Fact word={t('address')}>{profile.address}</Fact>
      </Group>
      <Group title={t('visit')}>
        <Fact word={t('page')}>{address(profile.page, profile.pageTitle)}</Fact>
        <Fact word={t('referrer')}>{address(profile.referrer)}</Fact>
        <Fact word={t('firstSeen')}>{row.openedMs ? dateTime(row.openedMs) : ''}</Fact>
      </Group>
      <Group title={t('conversation')}>
        <Fact word={t('inbox')}>{inboxName(row.inbox)}</Fact>
        <Fact word={t('team')}>{row.team ? teamName(row.team) : ''}</Fact>
        <Fact word={t('agent')}>{row.agent ? agentName(row.agent) : t('nobody')}</Fact>
        <Fact word={t('rating')}>{row.rating ? <Stars score={row.rating} /> : ''}</Fact>
      </Group>
      {isOwner.value && <Erase key={row.id} id={row.id} />}
    </>
  );
}

function Group({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="facts">
      <h3>{title}</h3>
      <dl>{children}</dl>
    </section>
  );
}

function Fact({ word, children }: { word: string; children: ComponentChildren }) {
  if (children === '' || children === undefined || children === null) return null;
  return (
    <>
      <dt>{word}</dt>
      <dd>{children}</dd>
    </>
  );
}

/** A web address as a link when it is one; anything else stays text. */
function address(url: string | undefined, title?: string): ComponentChildren {
  if (!url) return '';
  if (!/^https?:\/\//i.test(url) || !URL.canParse(url)) return title || url;
  const { host, pathname } = new URL(url);
  return (
    <a href={url} target="_blank" rel="noopener noreferrer nofollow" title={url}>
      {title || host + (pathname === '/' ? '' : pathname)}
    </a>
  );
}

function contact(text: string | undefined): ComponentChildren {
  if (!text) return '';
  if (/^[^\s@]+@[^\s@]+$/.test(text)) return <a href={`mailto:${text}`}>{text}</a>;
  if (/^\+?[\d\s()-]{5,20}$/.test(text))
    return <a href={`tel:${text.replace(/[^\d+]/g, '')}`}>{text}</a>;
  return text;
}

function languageName(tag: string | undefined): string {
  if (!tag) return '';
  try {
    return new Intl.DisplayNames([language.value], { type: 'language' }).of(tag) ?? tag;
  } catch {
    return tag;
  }
}
