// @vitest-environment happy-dom
import { fireEvent, screen, waitFor } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import { fakeApi, prunePlan, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { PruneDialog } from './prune-dialog';

const REFUSED = { allowed: false, reason: 'It listens on all interfaces.', hint: 'Restart it.' };

function show(part: Partial<Api> = {}, allowed = true) {
  const permission = allowed ? { allowed, reason: null, hint: null } : REFUSED;
  const store = filledStore([timeline()], {
    actions: { restore: permission, change: permission, live: { ...permission, token: false } },
  });
  const marked = store.allRows.value.filter(({ id }) => id === 'b');
  store.marked.value = new Set(marked.map(({ key }) => key));
  const prune = vi.fn(fakeApi([]).prune);
  const undo = vi.fn(fakeApi([]).undo);
  const plan = vi.fn(fakeApi([]).plan);
  const panel = testPanel(store, fakeApi([], { prune, undo, plan, ...part }));
  renderIn(panel, <PruneDialog onClose={vi.fn()} />);
  return { store, prune, undo, plan, panel };
}

const remove = () => screen.findByRole('button', { name: 'Remove 1 checkpoint' });

describe('pruning', () => {
  test('asks what the marked ones would free, removes exactly those, and takes them back', async () => {
    const { prune, undo, plan, store, panel } = show();
    const button = await remove();
    expect(plan).toHaveBeenCalledExactlyOnceWith('pima', { ids: ['b'] });
    expect(prune).not.toHaveBeenCalled();
    fireEvent.click(button);
    fireEvent.click(await screen.findByRole('button', { name: 'Undo' }));
    expect(prune).toHaveBeenCalledExactlyOnceWith('pima', ['b']);
    await waitFor(() => expect(undo).toHaveBeenCalledExactlyOnceWith('pima', ['b']));
    expect(await screen.findByText('Back.')).toBeInTheDocument();
    expect(store.marked.value.size).toBe(0);
    expect(panel.refresh).toHaveBeenCalled();
  });

  test('follows the rule that is typed', async () => {
    const { plan } = show();
    await remove();
    fireEvent.input(screen.getByLabelText('the newest'), { target: { value: '5' } });
    await waitFor(() =>
      expect(plan).toHaveBeenLastCalledWith('pima', { last: 5, best: 3, metric: 'val_loss' }),
    );
  });

  test('without permission says why, shows the command and does nothing', async () => {
    const { prune } = show({}, false);
    const button = await remove();
    expect(button).toHaveAttribute('aria-disabled', 'true');
    expect(button).toHaveAccessibleDescription(/It listens on all interfaces/);
    expect(screen.getByText('epochline prune')).toBeInTheDocument();
    fireEvent.click(button);
    expect(prune).not.toHaveBeenCalled();
  });

  test('a refusal is told with the command', async () => {
    const error = new ApiError('read_only', 'Read-only file system.', 'Use the command.');
    show({ prune: async () => Promise.reject(error) });
    fireEvent.click(await remove());
    expect(await screen.findByText(/Read-only file system/)).toBeInTheDocument();
    expect(screen.getByText('epochline prune')).toBeInTheDocument();
  });

  test('where nothing goes there is nothing to confirm', async () => {
    const none = { id: [], epoch: [], name: [], size_bytes: [], why: [] };
    show({ plan: async () => prunePlan({ goes: none, frees_bytes: 0, message: 'Nothing goes.' }) });
    expect(await screen.findByRole('button', { name: 'Remove 0 checkpoints' })).toHaveAttribute(
      'aria-disabled',
      'true',
    );
  });
});
