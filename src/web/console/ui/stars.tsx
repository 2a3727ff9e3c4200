// A rating, one to five.
import { t } from '../state/language.ts';
import { Icon } from './icon.tsx';

export function Stars({ score }: { score: number }) {
  return (
    <span class="stars" role="img" aria-label={t('ofFive', { n: score })}>
      {[1, 2, 3, 4, 5].map((at) => (
        <span key={at} class={at <= score ? 'on' : 'off'}>
          <Icon name="star" small />
        </span>
      ))}
    </span>
  );
}
