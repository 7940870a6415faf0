/**
 * The letters that act on the row of the table: `c` compares, `p` pins, `r` restores.
 *
 * A letter presses the button of the details pane that does the same, so that what is off there is off
 * here, too. The button names its letter in `aria-keyshortcuts`.
 */
import { batch } from '@preact/signals';
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Checkpoint } from '../model/run';
import { useStore } from '../state/context';
import type { RowLetter, Store } from '../state/store';

const LETTERS: readonly RowLetter[] = ['c', 'p', 'r'];
const NOT_HERE = {
  c: 'There is no other checkpoint to compare with.',
  p: 'This checkpoint has no file to keep.',
  r: 'This checkpoint cannot be restored.',
} satisfies Record<RowLetter, string>;

export function rowLetter(event: KeyboardEvent): RowLetter | null {
  if (event.ctrlKey || event.metaKey || event.altKey) return null;
  return LETTERS.find((letter) => letter === event.key) ?? null;
}

/** What a letter does with a row; two that are marked are what `c` compares. */
export function press(store: Store, letter: RowLetter, row: Checkpoint): void {
  const [a, b, ...more] = store.markedRows.value;
  if (letter === 'c' && a !== undefined && b !== undefined) {
    if (more.length === 0) store.change({ compare: [a.target, b.target] });
    else store.announcement.value = 'Mark two checkpoints to compare them.';
    return;
  }
  batch(() => {
    store.change({ selection: row.target, why: null });
    store.pressed.value = { letter, key: row.key };
  });
}

/** Presses the button within the returned element as soon as the pane of the row is there. */
export function usePressed(key: string): RefObject<HTMLElement | null> {
  const { pressed, announcement } = useStore();
  const place = useRef<HTMLElement>(null);
  const wish = pressed.value;
  useEffect(() => {
    if (wish === null || wish.key !== key) return;
    pressed.value = null;
    const button = place.current?.querySelector<HTMLElement>(`[aria-keyshortcuts=${wish.letter}]`);
    if (!button) {
      announcement.value = NOT_HERE[wish.letter];
      return;
    }
    const reason = document.getElementById(button.getAttribute('aria-describedby') ?? '');
    if (button.getAttribute('aria-disabled') === 'true') {
      announcement.value = reason?.textContent ?? 'Not now.';
    }
    button.click();
  }, [wish, key]);
  return place;
}
