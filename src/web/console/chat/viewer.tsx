// A picture at full size over everything; Escape, the button or a click beside it closes.
import { signal } from '@preact/signals';
import { t } from '../state/language.ts';
import { useTrap } from '../ui/dialog.tsx';
import { Icon } from '../ui/icon.tsx';

export const viewed = signal<{ url: string; name: string } | null>(null);
const close = () => (viewed.value = null);

export function Viewer() {
  return viewed.value ? <Shown url={viewed.value.url} name={viewed.value.name} /> : null;
}

function Shown({ url, name }: { url: string; name: string }) {
  const trap = useTrap(close);
  return (
    <div class="viewer" role="dialog" aria-modal="true" aria-label={name} {...trap}>
      <header>
        <span class="cut">{name}</span>
        <a class="tool" href={url} download={name} aria-label={t('download')} title={t('download')}>
          <Icon name="save" />
        </a>
        <button
          type="button"
          class="tool"
          aria-label={t('close')}
          title={t('close')}
          onClick={close}
        >
          <Icon name="close" />
        </button>
      </header>
      <div class="stage" onClick={(event) => event.target === event.currentTarget && close()}>
        <img src={url} alt={name} />
      </div>
    </div>
  );
}
