// A modal sheet: keeps the focus inside, closes by Escape or the button, gives the focus back.
import { useEffect, useId, useRef } from 'preact/hooks';
import type { ComponentChildren } from 'preact';
import { t } from '../state/language.ts';
import { Icon } from './icon.tsx';

interface Props {
  title: string;
  close: () => void;
  children: ComponentChildren;
}

const FOCUSABLE =
  'button:not(:disabled), [href], input:not([hidden]), select, textarea, [tabindex="0"]';

/** Traps the focus in `box` while mounted. */
export function useTrap(close: () => void) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement as HTMLElement | null;
    const fields = 'input:not([hidden]), select, textarea';
    const inner = box.current?.querySelector<HTMLElement>(fields);
    const first = inner ?? box.current?.querySelector<HTMLElement>('.inner button');
    (first ?? box.current?.querySelector<HTMLElement>(FOCUSABLE))?.focus();
    return () => before?.focus();
  }, []);
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    }
    if (event.key !== 'Tab' || !box.current) return;
    const list = [...box.current.querySelectorAll<HTMLElement>(FOCUSABLE)];
    const edge = event.shiftKey ? list[0] : list.at(-1);
    if (document.activeElement !== edge) return;
    event.preventDefault();
    (event.shiftKey ? list.at(-1) : list[0])?.focus();
  };
  return { ref: box, onKeyDown };
}

export function Dialog({ title, close, children }: Props) {
  const trap = useTrap(close);
  const id = useId();
  return (
    <div class="veil">
      <div class="dialog" role="dialog" aria-modal="true" aria-labelledby={id} {...trap}>
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="tool" aria-label={t('close')} onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        <div class="inner">{children}</div>
      </div>
    </div>
  );
}
