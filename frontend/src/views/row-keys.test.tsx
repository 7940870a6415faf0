// @vitest-environment happy-dom
import { fireEvent, render, screen, waitFor } from '@testing-library/preact';
import { expect, test, vi } from 'vitest';
import type { Api } from '../api/client';
import type { Runs } from '../api/types';
import { checkpoints, fakeApi, timeline } from '../testing/builders';
import { testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { App } from './app';

const PIMA = timeline({
  checkpoints: checkpoints([
    { id: 'a', epoch: 0, metrics: { val_loss: 0.8 } },
    { id: 'b', epoch: 1, metrics: { val_loss: 0.5 } },
    { id: 'c', epoch: 2, status: 'pruned', metrics: { val_loss: 0.6 } },
  ]),
});

function show(part: Partial<Api> = {}, runs: Partial<Runs> = {}) {
  const store = filledStore([PIMA], runs);
  render(<App panel={testPanel(store, fakeApi([PIMA], part))} />);
  return store;
}

/** Presses a key on the row of an epoch; the newest is first. */
function press(key: string, epoch: number, part: KeyboardEventInit = {}) {
  const grid = screen.getByRole('grid');
  fireEvent.keyDown(grid, { key: 'Home' });
  for (let row = 3; row > epoch; row--) fireEvent.keyDown(grid, { key: 'ArrowDown' });
  fireEvent.keyDown(grid, { key, ...part });
}

async function closeComparison() {
  fireEvent.click(await screen.findByRole('button', { name: 'Close the comparison' }));
  await screen.findByRole('grid');
}

const ids = (store: ReturnType<typeof filledStore>) =>
  store.link.value.compare?.map(({ id }) => id);

test('p pins the row, and only that one', async () => {
  const pin = vi.fn(fakeApi([]).pin);
  const store = show({ pin });
  press('p', 2);
  await waitFor(() => expect(pin).toHaveBeenCalledExactlyOnceWith('pima', 'b', true));
  press('Enter', 1);
  await waitFor(() => expect(store.announcement.value).toBe('Epoch 2 is pinned.'));
  expect(pin).toHaveBeenCalledOnce();
});

test('p does nothing where pins are off, and says why', async () => {
  const pin = vi.fn(fakeApi([]).pin);
  const off = { allowed: false, reason: 'The log directory is read-only.', hint: '' };
  const store = show(
    { pin },
    { actions: { restore: off, change: off, live: { ...off, token: false } } },
  );
  press('p', 2);
  await waitFor(() => expect(store.announcement.value).toContain('is read-only'));
  expect(pin).not.toHaveBeenCalled();
});

test('r asks what is to be restored, and says it of what cannot be', async () => {
  const store = show();
  press('r', 1);
  expect(await screen.findByRole('dialog')).toHaveAccessibleName(/Restore epoch/);
  fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
  press('r', 3);
  await waitFor(() => expect(store.announcement.value).toMatch(/cannot be restored/));
});

test('c compares the row with the best, or the two that are marked, never more', async () => {
  const store = show();
  press('c', 1);
  await waitFor(() => expect(ids(store)).toEqual(['b', 'a']));
  await closeComparison();
  press(' ', 1);
  press(' ', 3);
  press('c', 2);
  expect(ids(store)).toEqual(['a', 'c']);
  await closeComparison();
  press(' ', 2);
  press('c', 2);
  expect(store.link.value.compare).toBeNull();
  expect(store.announcement.value).toBe('Mark two checkpoints to compare them.');
});

test('a letter with Ctrl is the browser’s', () => {
  const store = show();
  press('c', 1, { ctrlKey: true });
  expect(store.link.value.selection).toBeNull();
});

test('what was pressed on a row is forgotten when another is opened', () => {
  const store = show({ checkpoint: () => new Promise(() => {}) });
  press('p', 2);
  press('Enter', 1);
  expect(store.pressed.value).toBeNull();
});
