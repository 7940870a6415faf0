// @vitest-environment happy-dom
import { fireEvent, screen, waitFor, within } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError, Unreachable } from '../api/client';
import type { Runs, Status } from '../api/types';
import {
  checkpointDetail,
  checkpoints,
  fakeApi,
  timeline,
  weightsAnswer,
} from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { CheckpointPane } from './checkpoint-pane';

function show(status: Status = 'saved', part: Partial<Api> = {}, runs: Partial<Runs> = {}) {
  const specs = [{ id: 'b', epoch: 1, status, metrics: { val_loss: 0.5 } }];
  const store = filledStore([timeline({ checkpoints: checkpoints(specs) })], runs);
  const api = fakeApi([], part);
  const panel = testPanel(store, api);
  const [checkpoint] = store.allRows.value;
  if (checkpoint === undefined) throw new Error('no checkpoint');
  renderIn(panel, <CheckpointPane checkpoint={checkpoint} />);
  return { store, panel };
}

const restoreButton = () => screen.findByRole('button', { name: 'Restore to file…' });

describe('the pane of a checkpoint', () => {
  test('tells why it is there, its values, and where it is', async () => {
    show();
    expect(screen.getByText('Saved after epoch 2.')).toBeInTheDocument();
    expect(screen.getByText('Best by val_loss')).toBeInTheDocument();
    expect(await screen.findByText('/logs/pima/checkpoints/b.weights.h5')).toBeInTheDocument();
    expect(screen.getByText('39 kB')).toBeInTheDocument();
  });

  test('has the code in three languages', async () => {
    show();
    expect(await screen.findByText('run.restore()')).toBeInTheDocument();
    fireEvent.keyDown(screen.getByRole('tab', { name: 'Python' }), { key: 'ArrowLeft' });
    expect(screen.getByText('epochline restore')).toBeInTheDocument();
    fireEvent.click(screen.getByRole('tab', { name: 'Plain Keras' }));
    expect(screen.getByText('model.load_weights()')).toBeInTheDocument();
  });

  test.each([
    ['pruned', /Removed by a keep rule/],
    ['failed', /There is no file to restore/],
    ['missing', /not any more/],
    ['corrupt', /does not match its digest/],
  ] as [Status, RegExp][])('says of a %s one that it cannot be restored', async (status, words) => {
    show(status);
    expect(screen.getByText(words)).toBeInTheDocument();
    await screen.findByText('/logs/pima/checkpoints/b.weights.h5');
    expect(screen.queryByRole('button', { name: 'Restore to file…' })).toBeNull();
  });

  test.each(['saved', 'pruned'] as Status[])('tells of the layers of a %s one', async (status) => {
    show(status, { weights: async () => weightsAnswer({ nan: [3, 0, 0] }) });
    const layers = await screen.findByRole('region', { name: 'Weights' });
    const [dense] = await within(layers).findAllByRole('group');
    expect(dense).toHaveTextContent('dense2 variables');
    expect(within(layers).getAllByRole('img', { name: /from −0.5 to 0.5/ })[0]).toBeInTheDocument();
    expect(dense).toHaveTextContent('3 NaN');
    expect(dense).toHaveTextContent('bias12');
    expect(dense).toHaveTextContent('all zero');
  });

  test('asks for no statistics where none were recorded', async () => {
    const weights = vi.fn();
    show('saved', { weights, checkpoint: async () => checkpointDetail({ measured: false }) });
    await screen.findByText('/logs/pima/checkpoints/b.weights.h5');
    expect(weights).not.toHaveBeenCalled();
    expect(screen.queryByRole('region', { name: 'Weights' })).toBeNull();
  });

  test('verifies on request and shows the result', async () => {
    const checkpoint = vi.fn(fakeApi([]).checkpoint);
    show('saved', { checkpoint });
    fireEvent.click(await screen.findByRole('button', { name: 'Verify' }));
    expect(await screen.findByText(/The file matches its digest/)).toBeInTheDocument();
    expect(checkpoint).toHaveBeenLastCalledWith('pima', 'b', true);
  });

  test('shows an error answer in its words', async () => {
    const error = new ApiError('not_found', 'There is no such checkpoint.', 'It was deleted.');
    show('saved', { checkpoint: () => Promise.reject(error) });
    expect(await screen.findByRole('alert')).toHaveTextContent(
      'There is no such checkpoint. It was deleted.',
    );
  });
});

describe('restoring', () => {
  test('is off with the reason when it is not allowed', async () => {
    const restore = {
      allowed: false,
      reason: 'The log directory is read-only.',
      hint: 'Chmod it.',
    };
    show(
      'saved',
      {},
      { actions: { restore, change: restore, live: { ...restore, token: false } } },
    );
    const button = await restoreButton();
    expect(button).toHaveAttribute('aria-disabled', 'true');
    expect(button).toHaveAccessibleDescription(/The log directory is read-only\. Chmod it\./);
    fireEvent.click(button);
    expect(screen.queryByRole('dialog')).toBeNull();
  });

  test('says first what will happen, with the focus on Cancel', async () => {
    const restore = vi.fn(fakeApi([]).restore);
    show('saved', { restore });
    fireEvent.click(await restoreButton());
    expect(screen.getByRole('dialog')).toHaveTextContent('into pima/restored/');
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Cancel' }));
    fireEvent.click(screen.getByRole('button', { name: 'Cancel' }));
    await waitFor(() => expect(screen.queryByRole('dialog')).toBeNull());
    expect(restore).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(await restoreButton());
  });

  test('is done once and then shows the path', async () => {
    const restore = vi.fn(fakeApi([]).restore);
    const { store } = show('saved', { restore });
    fireEvent.click(await restoreButton());
    const confirm = screen.getByRole('button', { name: 'Restore to file' });
    fireEvent.click(confirm);
    fireEvent.click(confirm);
    expect(await screen.findByText('/logs/pima/restored/b.weights.h5')).toBeInTheDocument();
    expect(restore).toHaveBeenCalledExactlyOnceWith('pima', 'b');
    expect(store.announcement.value).toBe('Copied 39 kB.');
  });

  test.each([
    [
      new ApiError('disk_full', 'The disk is full.', 'Free some space.'),
      'The disk is full. Free some space.',
    ],
    [new Unreachable('x'), 'TensorBoard does not answer.'],
  ])('that fails says why and offers the command', async (cause, words) => {
    show('saved', { restore: () => Promise.reject(cause) });
    fireEvent.click(await restoreButton());
    fireEvent.click(screen.getByRole('button', { name: 'Restore to file' }));
    expect(await screen.findByRole('alert')).toHaveTextContent(words);
    expect(screen.getByRole('dialog')).toHaveTextContent('epochline restore');
  });

  test('of a damaged file says so, and offers no command that would fail as well', async () => {
    const cause = new ApiError('conflict', 'It is not what was saved.', '');
    show('saved', { restore: () => Promise.reject(cause) });
    fireEvent.click(await restoreButton());
    fireEvent.click(screen.getByRole('button', { name: 'Restore to file' }));
    expect(await screen.findByRole('heading', { name: 'Nothing was copied' })).toBeInTheDocument();
    expect(screen.getByRole('dialog')).toHaveTextContent('It is not what was saved.');
    expect(screen.getByRole('dialog')).not.toHaveTextContent('epochline restore');
  });
});
