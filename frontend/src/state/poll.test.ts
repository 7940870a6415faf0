import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, Unreachable } from '../api/client';
import { DEFAULT_LINK } from '../model/deep-link';
import { fakeApi, runsAnswer, timeline } from '../testing/builders';
import { PATIENCE_MS, POLL_MS, type Poller, RETRY_MS, startPolling } from './poll';
import { createStore } from './store';

const A = timeline({ run: 'a' });
const B = timeline({ run: 'b' });
let poller: Poller | undefined;

beforeEach(() => void vi.useFakeTimers());
afterEach(() => {
  poller?.stop();
  vi.useRealTimers();
});

function start(api = fakeApi([A, B]), visible = true) {
  const store = createStore(DEFAULT_LINK);
  const spies = { runs: vi.spyOn(api, 'runs'), timelines: vi.spyOn(api, 'timelines') };
  poller = startPolling(store, api, visible);
  return { store, ...spies };
}

const settle = () => vi.advanceTimersByTimeAsync(0);

describe('polling', () => {
  test('fetches the list, then every shown run, and commits once', async () => {
    const { store } = start();
    let commits = 0;
    store.models.subscribe(() => commits++);
    await settle();
    expect([...store.models.value.keys()]).toEqual(['a', 'b']);
    expect(store.connection.value.state).toBe('ok');
    expect(commits).toBe(2);
  });

  test('asks for a timeline again only when its revision changed', async () => {
    const api = fakeApi([A, B]);
    const { timelines } = start(api);
    await settle();
    const asked = () => timelines.mock.lastCall?.[0];
    expect(asked()).toEqual(['a', 'b']);
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(asked()).toEqual([]);
    api.runs = async () => runsAnswer([A, { ...B, revision: 'r2' }]);
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(asked()).toEqual(['b']);
  });

  test('shows what a slow server has answered so far', async () => {
    const api = fakeApi([A, B]);
    api.timelines = async (_, take) => {
      for (const timeline of [A, B]) {
        await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
        take({ timelines: [timeline], failures: [], pending: [] });
      }
    };
    const { store } = start(api);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect([...store.models.value.keys()]).toEqual(['a']);
    await vi.advanceTimersByTimeAsync(PATIENCE_MS);
    expect([...store.models.value.keys()]).toEqual(['a', 'b']);
  });

  test('leaves hidden runs alone', async () => {
    const { store, timelines } = start();
    store.change({ runs: { mode: 'show', names: new Set(['b']) } });
    await settle();
    expect(timelines.mock.lastCall?.[0]).toEqual(['b']);
    store.change({ runs: { mode: 'show', names: new Set(['a', 'b']) } });
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(timelines.mock.lastCall?.[0]).toEqual(['a']);
  });

  test('asks nothing while the panel is hidden, and at once when it is seen again', async () => {
    const { runs } = start(undefined, false);
    await vi.advanceTimersByTimeAsync(10 * POLL_MS);
    expect(runs).not.toHaveBeenCalled();
    poller?.setVisible(true);
    await settle();
    expect(runs).toHaveBeenCalledTimes(1);
    poller?.setVisible(false);
    await vi.advanceTimersByTimeAsync(10 * POLL_MS);
    expect(runs).toHaveBeenCalledTimes(1);
  });

  test('forgets runs that were deleted', async () => {
    const api = fakeApi([A, B]);
    const { store } = start(api);
    await settle();
    api.runs = async () => runsAnswer([B]);
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect([...store.models.value.keys()]).toEqual(['b']);
  });
});

describe('trouble', () => {
  test('a server that is gone is said, keeps the data, and is asked again', async () => {
    const api = fakeApi([A]);
    const { store } = start(api);
    await settle();
    const answer = api.runs;
    api.runs = async () => {
      throw new Unreachable('no');
    };
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(store.connection.value.state).toBe('lost');
    expect(store.models.value.size).toBe(1);
    api.runs = answer;
    await vi.advanceTimersByTimeAsync(RETRY_MS);
    expect(store.connection.value.state).toBe('ok');
  });

  test('one run that cannot be read does not hide the others', async () => {
    const error = { code: 'internal' as const, message: 'Cannot read it.', hint: 'See the log.' };
    const api = fakeApi([A, B]);
    const { timelines } = api;
    api.timelines = async (_, take) =>
      take({ timelines: [B], failures: [{ run: 'a', error }], pending: [] });
    const { store } = start(api);
    await settle();
    expect([...store.models.value.keys()]).toEqual(['b']);
    expect(store.runErrors.value.get('a')).toMatchObject(error);
    api.timelines = timelines;
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect([...store.models.value.keys()]).toEqual(['b', 'a']);
    expect(store.runErrors.value.size).toBe(0);
  });

  test('an error answer is kept with its words', async () => {
    const error = new ApiError('internal', 'It broke.', 'Look there.');
    const { store } = start(fakeApi([], { runs: async () => Promise.reject(error) }));
    await settle();
    expect(store.connection.value).toEqual({ state: 'error', error });
  });
});
