// Tells when the console is not connected, since what is shown may be old; and when nobody can be
// given anything because the agent is offline.
import { useEffect, useState } from 'preact/hooks';
import { STATUS_ONLINE } from '../../shared/gen/posthouse.ts';
import { nowMs } from '../state/clock.ts';
import { link, ownStatus, queue, volatile } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { setStatus } from '../state/live.ts';
import { Icon } from '../ui/icon.tsx';

/** A reconnect that takes less than this is not worth a word. */
const PATIENCE_MS = 1500;

export function LinkBanner() {
  const { state, retryAtMs, sentence, code } = link.value;
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (state === 'live') return setLate(false);
    const timer = setTimeout(() => setLate(true), PATIENCE_MS);
    return () => clearTimeout(timer);
  }, [state]);

  if (state === 'refused') {
    return (
      <div class="banner bad" role="alert">
        <Icon name="warn" small />
        {sentence} {code ? `(${code})` : ''}
        <button type="button" class="link" onClick={() => location.reload()}>
          {t('reload')}
        </button>
      </div>
    );
  }
  if (state !== 'live' && late) {
    void nowMs.value;
    const seconds = retryAtMs ? Math.max(0, Math.ceil((retryAtMs - Date.now()) / 1000)) : 0;
    return (
      <div class="banner" role="status">
        <Icon name="warn" small />
        {seconds > 0 ? t('reconnectIn', { n: seconds }) : t('reconnecting')}{' '}
        {t(volatile.value ? 'notKept' : 'isKept')}
      </div>
    );
  }
  if (state === 'live' && ownStatus.value !== STATUS_ONLINE && queue.value.length > 0) {
    return (
      <div class="banner">
        {t('waitWhileAway', { n: queue.value.length })}
        <button type="button" class="link" onClick={() => setStatus(STATUS_ONLINE)}>
          {t('goOnline')}
        </button>
      </div>
    );
  }
  return null;
}
