// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Api, ApiError, Unreachable } from '../api/client';
import type { LiveAnswer } from '../api/types';
import { fakeApi, liveAnswer, timeline } from '../testing/builders';
import { filledStore } from '../testing/store';
import { ask, hide, LOOK_EVERY_MS, newRequest } from './asking';

const WAITING: Partial<LiveAnswer> = {
  final: false,
  outcome: 'working',
  message: 'It waits for the end of the batch.',
};

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

function start(part: Partial<Api> = {}) {
  const store = filledStore([timeline()]);
  const live = async () => liveAnswer(WAITING);
  const panel = { store, api: fakeApi([], { live, ...part }), refresh: vi.fn() };
  const line = () => store.asked.value.at(-1);
  return { panel, store, line };
}

const look = () => vi.advanceTimersByTimeAsync(LOOK_EVERY_MS);

describe('a request', () => {
  test('has an id that sorts by time, and the defaults of the interface', () => {
    const first = newRequest('pima', 'pause');
    vi.advanceTimersByTime(5);
    const second = newRequest('pima', 'pause');
    expect(first.request).toMatch(/^[0-9a-f]{32}$/);
    expect(second.request > first.request).toBe(true);
    expect(first).toMatchObject({ checkpoint: '', learning_rate: 'checkpoint', dry_run: false });
  });

  test('is followed until its answer is final, which is told', async () => {
    const answers = [liveAnswer(WAITING), liveAnswer()];
    const seen = vi.fn(async () => answers.shift() ?? liveAnswer());
    const { panel, store, line } = start({ liveAnswer: seen });
    await ask(panel, newRequest('pima', 'undo'), 'Undo');
    expect(line()?.answer.outcome).toBe('working');
    await look();
    expect(line()?.answer.outcome).toBe('working');
    await look();
    expect(line()?.answer.outcome).toBe('done');
    expect(store.announcement.value).toBe('pima: Back at epoch 2: 14 of 14 variables restored.');
    expect(panel.refresh).toHaveBeenCalledOnce();
    await look();
    expect(seen).toHaveBeenCalledTimes(2);
  });

  test('waits for a server that is gone, and says so', async () => {
    let gone = true;
    const { panel, line } = start({
      liveAnswer: async () => {
        if (gone) throw new Unreachable('no');
        return liveAnswer();
      },
    });
    await ask(panel, newRequest('pima', 'pause'), 'Pause');
    await look();
    expect(line()?.trouble).toMatch(/does not answer/);
    gone = false;
    await look();
    expect(line()).toMatchObject({ trouble: '', answer: { outcome: 'done' } });
  });

  test('of which the server knows nothing is not asked for again', async () => {
    const seen = vi.fn(async () => Promise.reject(new ApiError('not_found', 'Unknown.', 'Gone.')));
    const { panel, line } = start({ liveAnswer: seen });
    await ask(panel, newRequest('pima', 'pause'), 'Pause');
    await look();
    await look();
    expect(line()?.trouble).toBe('Unknown. Gone.');
    expect(seen).toHaveBeenCalledOnce();
  });

  test('that is hidden is no longer looked after', async () => {
    const seen = vi.fn(async () => liveAnswer(WAITING));
    const { panel, store, line } = start({ liveAnswer: seen });
    await ask(panel, newRequest('pima', 'pause'), 'Pause');
    const item = line();
    if (item) hide(panel, item);
    await look();
    await look();
    expect(store.asked.value).toEqual([]);
    expect(seen).toHaveBeenCalledOnce();
  });

  test('is not looked after while the panel is hidden', async () => {
    const seen = vi.fn(async () => liveAnswer());
    const { panel } = start({ liveAnswer: seen });
    vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
    await ask(panel, newRequest('pima', 'pause'), 'Pause');
    await look();
    expect(seen).not.toHaveBeenCalled();
    vi.restoreAllMocks();
    await look();
    expect(seen).toHaveBeenCalledOnce();
  });

  test('takes the place of what that run was asked for before, but of nothing under way', async () => {
    const { panel, store } = start({ live: async ({ run }) => liveAnswer({ run }) });
    await ask(panel, newRequest('pima', 'pause'), 'first');
    await ask(panel, newRequest('other', 'pause'), 'other');
    await ask(panel, newRequest('pima', 'save'), 'second');
    expect(store.asked.value.map(({ what }) => what)).toEqual(['other', 'second']);
  });
});

test('a token that is refused is asked for again', async () => {
  const live = vi.fn(async () =>
    Promise.reject(new ApiError('forbidden', 'The token is another one.', '')),
  );
  const { panel, store } = start({ live });
  store.liveToken.value = 'wrong';
  await expect(ask(panel, newRequest('pima', 'pause'), 'Pause')).rejects.toThrow('another one');
  expect(live).toHaveBeenCalledWith(expect.objectContaining({ action: 'pause' }), 'wrong');
  expect(store.liveToken.value).toBe('');
  expect(store.asked.value).toEqual([]);
});
