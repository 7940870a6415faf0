/**
 * Keys that work wherever the focus is, for as long as nobody writes a text or has switched them off.
 *
 * The switch outlives the page where the browser lets it.
 */
const STORED = 'epochline.single-keys';

export function singleKeysOn(): boolean {
  try {
    return localStorage.getItem(STORED) !== 'off';
  } catch {
    return true;
  }
}

export function setSingleKeys(on: boolean): void {
  try {
    localStorage.setItem(STORED, on ? 'on' : 'off');
  } catch {
    // A browser that keeps nothing forgets this, too.
  }
}

function isWriting(target: EventTarget | null): boolean {
  const places = 'input:not([type=radio], [type=checkbox]), textarea, select, dialog';
  return target instanceof Element && target.closest(places) !== null;
}

/** Calls what belongs to a key. Returns the undo. */
export function watchKeys(keys: Readonly<Record<string, () => void>>): () => void {
  const onKeyDown = (event: KeyboardEvent) => {
    const act = keys[event.key];
    if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    if (isWriting(event.target) || !singleKeysOn()) return;
    event.preventDefault();
    act();
  };
  document.addEventListener('keydown', onKeyDown);
  return () => document.removeEventListener('keydown', onKeyDown);
}
