// @vitest-environment happy-dom
import { fireEvent, screen, within } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import type { Diff } from '../api/types';
import type { Pair } from '../model/deep-link';
import { useStore } from '../state/context';
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
  renderIn(testPanel(store, fakeApi([], part)), <OfLink />);
  return store;
}

function OfLink() {
  const pair = useStore().link.value.compare;
  return pair && <Compare pair={pair} />;
}

/** One of three variables more is compared with each. */
const begun = (compared: number) =>
  diffAnswer({
    sentence: null,
    weights: null,
    progress: {
      finished: false,
      compared,
      variables: 3,
      read_bytes: 1000 * compared,
      total_bytes: 3000,
    },
  });

describe('the comparison', () => {
  test('tells what became better, and how far the weights are apart', async () => {
    show();
    const metrics = screen.getByRole('table', { name: 'Metrics' });
    expect(within(metrics).getByRole('row', { name: /val_loss/ })).toHaveTextContent('▲ better');
    expect(await screen.findByText('The weights are equal.')).toBeInTheDocument();
  });

  test('shows the rows that are compared, and asks for more until it is finished', async () => {
    const answers: ((diff: Diff) => void)[] = [];
    show({ diff: () => new Promise((resolve) => answers.push(resolve)) });
    await vi.waitFor(() => expect(answers).toHaveLength(1));
    answers[0]?.(begun(1));
    expect(await screen.findByText('1 of 3 variables, 1.0 kB of 3.0 kB')).toBeInTheDocument();
    const bar = screen.getByRole('progressbar', { name: 'Bytes compared' });
    expect(bar).toHaveAttribute('value', '1000');
    expect(bar).toHaveAttribute('max', '3000');
    expect(screen.getByRole('row', { name: /dense/ })).toBeInTheDocument();
    expect(screen.queryByText('The weights are equal.')).toBeNull();
    await vi.waitFor(() => expect(answers).toHaveLength(2));
    answers[1]?.(diffAnswer());
    expect(await screen.findByText('The weights are equal.')).toBeInTheDocument();
    expect(screen.queryByRole('progressbar')).toBeNull();
    expect(screen.queryByRole('button', { name: 'Stop' })).toBeNull();
    expect(answers).toHaveLength(2);
  });

  test('stopped, it asks no more and keeps its rows; it can be continued', async () => {
    const signals: AbortSignal[] = [];
    const store = show({
      diff: (_a, _b, signal) => {
        signals.push(signal);
        return signals.length === 1 ? Promise.resolve(begun(2)) : new Promise(() => {});
      },
    });
    await vi.waitFor(() => expect(signals).toHaveLength(2));
    fireEvent.click(screen.getByRole('button', { name: 'Stop' }));
    expect(await screen.findByText(/^Stopped after 2 of 3 variables/)).toBeInTheDocument();
    expect(store.announcement.value).toBe('Stopped comparing.');
    expect(signals[1]?.aborted).toBe(true);
    expect(screen.getByRole('row', { name: /dense/ })).toBeInTheDocument();
    expect(signals).toHaveLength(2);
    fireEvent.click(screen.getByRole('button', { name: 'Continue' }));
    await vi.waitFor(() => expect(signals).toHaveLength(3));
    expect(signals[2]?.aborted).toBe(false);
  });

  test('asks nothing while the panel is hidden', async () => {
    const diff = vi.fn(async () => begun(1));
    vi.stubGlobal('innerHeight', 0);
    show({ diff });
    await screen.findByText('Comparing the files…');
    expect(diff).not.toHaveBeenCalled();
    vi.unstubAllGlobals();
    diff.mockImplementation(() => new Promise(() => {}));
    fireEvent(window, new Event('resize'));
    await vi.waitFor(() => expect(diff).toHaveBeenCalledTimes(1));
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
    const diff = vi.fn<Api['diff']>().mockRejectedValueOnce(error).mockResolvedValue(diffAnswer());
    show({ diff });
    expect(await screen.findByText(/No statistics were recorded/)).toBeInTheDocument();
    expect(screen.getByRole('table', { name: 'Metrics' })).toBeInTheDocument();
    fireEvent.click(screen.getByRole('button', { name: 'Try again' }));
    expect(await screen.findByText('The weights are equal.')).toBeInTheDocument();
  });

  test('walks along the run, swaps, and says what is not there', () => {
    const store = show();
    const before = screen.getByRole('button', { name: 'Previous checkpoint as A' });
    expect(before).toHaveAttribute('aria-disabled', 'true');
    fireEvent.click(screen.getByRole('button', { name: 'Next checkpoint as A' }));
    expect(store.link.value.compare?.map(({ id }) => id)).toEqual(['b', 'c']);
    fireEvent.click(screen.getByRole('button', { name: 'Swap' }));
    expect(store.link.value.compare?.map(({ id }) => id)).toEqual(['c', 'b']);
  });

  test('walks with keys, and the other side stays', () => {
    const store = show();
    const ids = () => store.link.value.compare?.map(({ id }) => id);
    const press = (key: string) => fireEvent.keyDown(document.body, { key });
    press('[');
    expect(ids()).toEqual(['a', 'c']);
    press(']');
    expect(ids()).toEqual(['b', 'c']);
    expect(store.announcement.value).toBe('A is epoch 2, B is epoch 3.');
  });

  test('rows, order and the kind of rows outlive a step of the walk', async () => {
    const diff = vi.fn<Api['diff']>().mockResolvedValue(diffAnswer());
    show({ diff });
    await screen.findByText('The weights are equal.');
    fireEvent.click(screen.getByRole('radio', { name: 'Variables' }));
    diff.mockReturnValue(new Promise(() => {}));
    fireEvent.keyDown(document.body, { key: ']' });
    await vi.waitFor(() => expect(diff).toHaveBeenCalledTimes(2));
    expect(screen.getByRole('row', { name: /dense\/kernel/ })).toBeInTheDocument();
  });

  test('says when a checkpoint of the link is not in the data', () => {
    show({}, [PAIR[0], { ...PAIR[1], id: 'gone' }]);
    expect(screen.getByText(/not in the data/)).toBeInTheDocument();
  });
});
