// @vitest-environment happy-dom
import { fireEvent, screen, within } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import type { Pair } from '../model/deep-link';
import { checkpointDetail, diffAnswer, fakeApi, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { Compare } from './compare';

const PAIR: Pair = [
  { kind: 'checkpoint', run: 'pima', id: 'a' },
  { kind: 'checkpoint', run: 'pima', id: 'c' },
];

function show(part: Partial<Api> = {}, pair = PAIR) {
  const store = filledStore([timeline()]);
  store.change({ compare: pair });
  renderIn(testPanel(store, fakeApi([], part)), <Compare pair={pair} />);
  return store;
}

describe('the comparison', () => {
  test('tells what became better, and how far the weights are apart', async () => {
    show();
    const metrics = screen.getByRole('table', { name: 'Metrics' });
    expect(within(metrics).getByRole('row', { name: /val_loss/ })).toHaveTextContent('▲ better');
    expect(await screen.findByText('The weights are equal.')).toBeInTheDocument();
  });

  test('can be stopped and begun again', async () => {
    const signals: AbortSignal[] = [];
    show({
      diff: (_a, _b, signal) => {
        signals.push(signal);
        return new Promise(() => {});
      },
    });
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }));
    expect(signals[0]?.aborted).toBe(true);
    fireEvent.click(await screen.findByRole('button', { name: 'Compare again' }));
    await vi.waitFor(() => expect(signals).toHaveLength(2));
    expect(signals[1]?.aborted).toBe(false);
  });

  test('tells what statistics still say when a file is gone', async () => {
    const diff = diffAnswer({ notes: ['Epoch 1 has no file any more.'] });
    diff.layers.relative_change = [null];
    diff.layers.relative_at_least = [0.25];
    show({ diff: async () => diff });
    expect(await screen.findByText('Epoch 1 has no file any more.')).toBeInTheDocument();
    expect(screen.getByText('at least 25.0 %')).toBeInTheDocument();
  });

  test('shows how the values of both are spread, as far as that was recorded', async () => {
    const diff = diffAnswer();
    diff.variables.mean_b = [null];
    show({ diff: async () => diff });
    const row = await screen.findByRole('row', { name: /dense/ });
    expect(within(row).getByRole('img')).toHaveAccessibleName('from −0.5 to 0.5, mean 0.1 ± 0.2');
    expect(within(row).getByText('not recorded')).toBeInTheDocument();
  });

  test('tells what each was trained with, and leaves out what nobody recorded', async () => {
    const checkpoint: Api['checkpoint'] = async (run, id) =>
      checkpointDetail({ run, id, optimizer: id === 'a' ? 'Adam' : 'SGD' });
    show({ checkpoint });
    const training = screen.getByRole('table', { name: 'Training' });
    const row = await within(training).findByRole('row', { name: 'Optimizer Adam SGD' });
    expect(within(row).getByText('SGD')).toHaveClass('differs');
    expect(within(training).queryByText('Saved')).toBeNull();
    const same = screen.getByText(/^The same in both: .*, saved, host/);
    expect(same).not.toHaveTextContent('kept');
    expect(same.parentElement).toHaveTextContent('Savedevery epoch');
  });

  test('a refusal leaves the metrics', async () => {
    const error = new ApiError('conflict', 'No statistics were recorded.', 'Use a terminal.');
    show({ diff: async () => Promise.reject(error) });
    expect(await screen.findByText(/No statistics were recorded/)).toBeInTheDocument();
    expect(screen.getByRole('table', { name: 'Metrics' })).toBeInTheDocument();
  });

  test('walks along the run, swaps, and says what is not there', () => {
    const store = show();
    const before = screen.getByRole('button', { name: 'Previous checkpoint as A' });
    expect(before).toHaveAttribute('aria-disabled', 'true');
    fireEvent.click(screen.getByRole('button', { name: 'Next checkpoint as A' }));
    expect(store.link.value.compare?.map(({ id }) => id)).toEqual(['b', 'c']);
    fireEvent.click(screen.getByRole('button', { name: 'Swap' }));
    expect(store.link.value.compare?.map(({ id }) => id)).toEqual(['c', 'a']);
  });

  test('says when a checkpoint of the link is not in the data', () => {
    show({}, [PAIR[0], { ...PAIR[1], id: 'gone' }]);
    expect(screen.getByText(/not in the data/)).toBeInTheDocument();
  });
});
