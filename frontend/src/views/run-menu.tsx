/** The runs of narrow pages: a button that opens the list over the page. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../state/context';
import { Icon } from './icon';
import { RunList } from './run-list';

export function RunMenu() {
  const { shownModels, summaries } = useStore();
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

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || !open.value) return;
    open.value = false;
    button.current?.focus();
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
        Runs {shownModels.value.length}/{summaries.value.length}
        <Icon name="chevron" />
      </button>
      {open.value && (
        <div class="menu-panel" role="group" aria-label="Runs">
          <RunList />
        </div>
      )}
    </div>
  );
}
