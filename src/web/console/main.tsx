// The console's first load: styles, the stage, and the desk; setup and settings come when asked
// for.
import { render } from 'preact';
import { lazyScreen } from './ui/lazy.tsx';
import { Desk } from './desk-screen.tsx';
import { SignIn } from './sign-in.tsx';
import { converses } from './state/rights.ts';
import { begin, stage, trouble } from './state/sign-in.ts';
import { route } from './state/route.ts';
import { t } from './state/language.ts';
import { Letter } from './ui/letter.tsx';
import { ProblemNotice, Toasts } from './ui/notice.tsx';
import './state/theme.ts';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/list.css';
import './style/chat.css';
import './style/details.css';

const Setup = lazyScreen(() => import('./setup/setup.tsx'));
const Settings = lazyScreen(() => import('./settings/settings.tsx'));

function App() {
  return (
    <>
      <Screen />
      <Toasts />
    </>
  );
}

function Screen() {
  switch (stage.value) {
    case 'loading':
      return <div class="spin" role="status" aria-label={t('loading')} />;
    case 'setup':
      return <Setup />;
    case 'sign-in':
      return <SignIn />;
    case 'unreachable':
      return (
        <Letter title="Posthouse" lead={t('unreachableLead')}>
          {trouble.value && <ProblemNotice problem={trouble.value} />}
          <button type="button" class="button main wide" onClick={() => void begin()}>
            {t('tryAgain')}
          </button>
        </Letter>
      );
    case 'desk':
      return route.value.screen === 'settings' || !converses.value ? <Settings /> : <Desk />;
  }
}

render(<App />, document.getElementById('app')!);
void begin();
