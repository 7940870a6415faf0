/** The keys that work everywhere, and the button that lists all keys. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { watchKeys } from '../host/keys';
import { lazyPart } from './lazy-part';

const KeysDialog = lazyPart(() => import('./keys-dialog').then((part) => part.KeysDialog));

export function Shortcuts() {
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  useEffect(
    () =>
      watchKeys({
        '/': () => document.getElementById('table-filter')?.focus(),
        '?': () => setOpen(true),
      }),
    [],
  );
  return (
    <>
      <button
        ref={opener}
        type="button"
        class="icon-button"
        aria-label="Keys"
        title="Keys (?)"
        onClick={() => setOpen(true)}
      >
        <span aria-hidden="true">?</span>
      </button>
      {open && (
        <KeysDialog
          onClose={() => {
            setOpen(false);
            opener.current?.focus();
          }}
        />
      )}
    </>
  );
}
