import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError, Unreachable } from '../api/client';
import { DEFAULT_LINK } from '../model/deep-link';
import { fakeApi, runsAnswer, timeline } from '../testing/builders';
import { POLL_MS, type Poller, RETRY_MS, startPolling } from './poll';
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
  const spies = { runs: vi.spyOn(api, 'runs'), timeline: vi.spyOn(api, 'timeline') };
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
    const { timeline } = start(api);
    await settle();
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(timeline).toHaveBeenCalledTimes(2);
    api.runs = async () => runsAnswer([A, { ...B, revision: 'r2' }]);
    await vi.advanceTimersByTimeAsync(POLL_MS);
    expect(timeline).toHaveBeenCalledTimes(3);
    expect(timeline).toHaveBeenLastCalledWith('b', 'r1');
  });

  test('leaves hidden runs alone', async () => {
    const { store, timeline } = start();
    store.change({ runs: { mode: 'show', names: new Set(['b']) } });
    await settle();
    store.change({ runs: { mode: 'show', names: new Set(['a', 'b']) } });
    expect(timeline.mock.calls.map(([run]) => run)).toContain('b');
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
    const failure = new ApiError('internal', 'Cannot read it.', 'See the log.');
    const whole = fakeApi([A, B]);
    const { store } = start({
      ...whole,
      timeline: async (run, since) => {
        if (run === 'a') throw failure;
        return whole.timeline(run, since);
      },
    });
    await settle();
    expect([...store.models.value.keys()]).toEqual(['b']);
    expect(store.runErrors.value.get('a')).toBe(failure);
  });

  test('an error answer is kept with its words', async () => {
    const error = new ApiError('internal', 'It broke.', 'Look there.');
    const { store } = start(fakeApi([], { runs: async () => Promise.reject(error) }));
    await settle();
    expect(store.connection.value).toEqual({ state: 'error', error });
  });
});
