/** A modal dialog: its title, what it says, and buttons of which the first one is always safe. */
import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef } from 'preact/hooks';
import { useStore } from '../state/context';
import { Announcer } from './announcer';

interface Props {
  readonly title: string;
  /** What the safe button says; it has the focus at first and whenever `focus` changes. */
  readonly closing: string;
  readonly focus?: unknown;
  readonly wide?: boolean;
  readonly onClose: () => void;
  readonly buttons?: ComponentChildren;
  readonly children: ComponentChildren;
}

export function Dialog({ title, closing, focus, wide, onClose, buttons, children }: Props) {
  const dialog = useRef<HTMLDialogElement>(null);
  const safe = useRef<HTMLButtonElement>(null);
  const titleId = useId();
  const { announcement } = useStore();
  useEffect(() => {
    announcement.value = '';
    dialog.current?.showModal();
  }, [announcement]);
  // A pressed button goes away; the focus stays inside of the dialog.
  useEffect(() => safe.current?.focus(), [focus]);
  return (
    <dialog
      ref={dialog}
      class={wide ? 'dialog wide' : 'dialog'}
      aria-labelledby={titleId}
      onClose={onClose}
    >
      <h2 id={titleId}>{title}</h2>
      {children}
      <Announcer />
      <div class="dialog-buttons">
        <button ref={safe} type="button" class="button" onClick={() => dialog.current?.close()}>
          {closing}
        </button>
        {buttons}
      </div>
    </dialog>
  );
}
