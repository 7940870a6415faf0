/** A button that opens a panel over the page. Escape and a click elsewhere close it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Icon } from './icon';

interface Props {
  readonly label: string;
  /** What the button says; `label` where it is not given. */
  readonly caption?: ComponentChildren;
  /** Opens to the left, for a button at the right edge. */
  readonly toLeft?: boolean;
  /** Drawn when it is opened. */
  readonly children: (close: () => void) => ComponentChildren;
}

export function Menu({ label, caption = label, toLeft = false, children }: Props) {
  const open = useSignal(false);
  const place = useRef<HTMLDivElement>(null);
  const button = useRef<HTMLButtonElement>(null);

  useEffect(() => {
    if (!open.value) return;
    const outside = (event: PointerEvent) => {
      if (!place.current?.contains(event.target as Node)) open.value = false;
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open.value]);

  const close = () => {
    open.value = false;
    button.current?.focus();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !open.value) return;
    close();
    event.stopPropagation();
  };
  return (
    <div class="menu" ref={place} onKeyDown={onKeyDown}>
      <button
        ref={button}
        type="button"
        class="button"
        aria-expanded={open.value}
        onClick={() => (open.value = !open.value)}
      >
        {caption}
        <Icon name="chevron" />
      </button>
      {open.value && (
        <div class={toLeft ? 'menu-panel to-left' : 'menu-panel'} role="group" aria-label={label}>
          {children(close)}
        </div>
      )}
    </div>
  );
}
