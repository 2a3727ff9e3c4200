// A button with a menu: opens by click or arrow, moves by arrows, closes by Escape, Tab or a click
// elsewhere.
import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { ComponentChildren } from 'preact';

interface Props {
  /** What the button shows. */
  button: ComponentChildren;
  label: string;
  /** Class of the button. */
  look?: string;
  /** Class of the menu, besides `menu`. */
  place?: string;
  /** Grid pickers say so; lists of actions are menus. */
  children: (close: () => void) => ComponentChildren;
}

export function Menu({ button, label, look = 'tool', place = '', children }: Props) {
  const [open, setOpen] = useState(false);
  const anchor = useRef<HTMLDivElement>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  const close = () => {
    setOpen(false);
    trigger.current?.focus();
  };

  // Before the next key: who types ahead means the menu, not the button.
  useLayoutEffect(() => {
    if (!open) return;
    items(anchor.current)[0]?.focus();
    const outside = (event: Event) => {
      if (!anchor.current?.contains(event.target as Node)) setOpen(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);

  const onKey = (event: KeyboardEvent) => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      close();
    } else if (event.key === 'Tab') setOpen(false);
    else if (event.key.startsWith('Arrow')) {
      event.preventDefault();
      const list = items(anchor.current);
      const at = list.indexOf(document.activeElement as HTMLElement);
      // A picker has rows of several: up and down lead to the next row.
      const row = list.filter((item) => item.offsetTop === list[0]!.offsetTop).length;
      const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: row, ArrowUp: -row }[event.key] ?? 0;
      // From the button, up leads to the last one.
      const from = at < 0 && step < 0 ? list.length : at;
      list[(from + step + list.length) % list.length]?.focus();
    }
  };

  return (
    <div class="menu-anchor" ref={anchor} onKeyDown={open ? onKey : undefined}>
      <button
        type="button"
        ref={trigger}
        class={look}
        title={look === 'tool' ? label : undefined}
        aria-label={label}
        aria-haspopup="menu"
        aria-expanded={open}
        onClick={() => setOpen(!open)}
      >
        {button}
      </button>
      {open && (
        <div class={`menu ${place}`} role="menu" aria-label={label}>
          {children(close)}
        </div>
      )}
    </div>
  );
}

function items(root: HTMLElement | null): HTMLElement[] {
  const found = root?.querySelectorAll<HTMLElement>('[role^="menuitem"]:not(:disabled)') ?? [];
  return [...found];
}
