// The bar over the list: the site's name, the agent's own status, and the menu of everything else.
import { useState } from 'preact/hooks';
import { STATUS_AWAY, STATUS_OFFLINE, STATUS_ONLINE } from '../../shared/gen/posthouse.ts';
import { notifyOn, soundOn, toggleNotify, toggleSound } from '../state/alerts.ts';
import { converses } from '../state/rights.ts';
import { isOwner, me, outbox, ownStatus, site } from '../state/desk.ts';
import { chooseLanguage, language, t } from '../state/language.ts';
import { setStatus } from '../state/live.ts';
import { go } from '../state/route.ts';
import { signOut } from '../state/sign-in.ts';
import { chooseTheme, theme } from '../state/theme.ts';
import { tell } from '../state/toasts.ts';
import { Dialog } from '../ui/dialog.tsx';
import { AgentFace } from '../ui/face.tsx';
import { Icon, type IconName, MarkGlyph } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';

export const STATUSES = [
  [STATUS_ONLINE, 'online', 'statusOnline', 'statusOnlineHint'],
  [STATUS_AWAY, 'away', 'statusAway', 'statusAwayHint'],
  [STATUS_OFFLINE, 'offline', 'statusOffline', 'statusOfflineHint'],
] as const;

export function OwnBar() {
  return (
    <header class="bar">
      <div class="mark">
        <MarkGlyph />
        <span class="cut" aria-hidden="true">
          {site.value.name || 'Posthouse'}
        </span>
      </div>
      <StatusMenu />
      <MainMenu />
    </header>
  );
}

function StatusMenu() {
  const now = STATUSES.find(([status]) => status === ownStatus.value) ?? STATUSES[2];
  const shown = (
    <>
      <span class={`dot ${now[1]}`} />
      {t(now[2])}
    </>
  );
  return (
    <Menu button={shown} label={`${t('ownStatus')}: ${t(now[2])}`} look="status-button">
      {(close) =>
        STATUSES.map(([status, look, word, hint]) => (
          <button
            type="button"
            class="menu-item"
            role="menuitemradio"
            aria-checked={status === now[0]}
            onClick={() => {
              setStatus(status);
              close();
            }}
          >
            <span class={`dot ${look}`} />
            <span>
              {t(word)}
              <br />
              <span class="faint">{t(hint)}</span>
            </span>
          </button>
        ))
      }
    </Menu>
  );
}

const THEMES = ['system', 'light', 'dark'] as const;
const THEME_WORDS = { system: 'themeSystem', light: 'themeLight', dark: 'themeDark' } as const;

export function MainMenu() {
  const nextTheme = THEMES[(THEMES.indexOf(theme.value) + 1) % THEMES.length]!;
  const [asks, setAsks] = useState(false);
  const unsent = outbox.value.filter((item) => !item.index).length;
  const notify = async () => {
    if (!(await toggleNotify())) tell(t('notifyBlocked'));
  };
  const own = me.value ? <AgentFace agent={me.value} own /> : <Icon name="more" />;
  const menu = (
    <Menu button={own} label={t('menu')}>
      {(close) => (
        <>
          <div class="menu-title">
            {me.value?.name} · {me.value?.login}
          </div>
          <Item
            icon="sound"
            word={t('sound')}
            end={soundOn.value ? t('on') : t('off')}
            act={toggleSound}
          />
          <Item
            icon="bell"
            word={t('notifications')}
            end={notifyOn.value ? t('on') : t('off')}
            act={notify}
          />
          <Item
            icon="theme"
            word={t('theme')}
            end={t(THEME_WORDS[theme.value])}
            act={() => chooseTheme(nextTheme)}
          />
          <Item
            icon="globe"
            word={t('language')}
            end={language.value === 'zh' ? '中文' : 'English'}
            act={() => chooseLanguage(language.value === 'zh' ? 'en' : 'zh')}
          />
          <hr />
          <Item
            icon={converses.value && !isOwner.value ? 'lock' : 'gear'}
            word={converses.value && !isOwner.value ? t('ownAccount') : t('settings')}
            act={() => {
              close();
              go('settings');
            }}
          />
          <Item
            icon="leave"
            word={t('signOut')}
            act={() => (unsent ? setAsks(true) : void signOut())}
          />
        </>
      )}
    </Menu>
  );
  return (
    <>
      {menu}
      {asks && <SignOutDialog unsent={unsent} close={() => setAsks(false)} />}
    </>
  );
}

/** Signing out deletes what this browser keeps, and with it what the server has not got yet. */
function SignOutDialog({ unsent, close }: { unsent: number; close: () => void }) {
  return (
    <Dialog title={t('signOut')} close={close}>
      <p>{t('unsentLost', { n: unsent })}</p>
      <div class="form-end">
        <button type="button" class="button main" onClick={close}>
          {t('cancel')}
        </button>
        <button type="button" class="button danger" onClick={() => void signOut()}>
          {t('signOut')}
        </button>
      </div>
    </Dialog>
  );
}

function Item({
  icon,
  word,
  end,
  act,
}: {
  icon: IconName;
  word: string;
  end?: string;
  act: () => void;
}) {
  return (
    <button type="button" class="menu-item" role="menuitem" onClick={act}>
      <Icon name={icon} />
      {word}
      {end && <span class="end">{end}</span>}
    </button>
  );
}
