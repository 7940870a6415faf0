// @vitest-environment happy-dom
import { act, fireEvent, screen, waitFor } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import type { LiveState, Permission, RunState } from '../api/types';
import { fakeApi, liveAnswer, liveState, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
// Fetched when it is first needed; no test waits for that.
import './live-controls';
import { LiveMenu } from './live-menu';

const YES: Permission = { allowed: true, reason: null, hint: null };

function show(
  part: Partial<Api> = {},
  permission = YES,
  states: RunState[] = ['running'],
  token = false,
) {
  const actions = { restore: YES, change: YES, live: { ...permission, token } };
  const runs = states.map((state, i) => timeline({ run: i === 0 ? 'pima' : `run ${i}`, state }));
  const store = filledStore(runs, { actions });
  const live = vi.fn(part.live ?? fakeApi([]).live);
  const state = vi.fn(part.liveState ?? fakeApi([]).liveState);
  renderIn(testPanel(store, fakeApi([], { ...part, live, liveState: state })), <LiveMenu />);
  const open = async () => {
    fireEvent.click(await screen.findByRole('button', { name: 'Live' }));
    await screen.findByRole('button', { name: 'Save now' });
  };
  return { store, live, state, open };
}

const request = (part: object) => [expect.objectContaining({ run: 'pima', ...part }), ''];

describe('the menu of a running training', () => {
  test.each([
    ['Pause', 'pause'],
    ['Save now', 'save'],
    ['Undo last restore', 'undo'],
  ])('%s asks for it and closes', async (name, action) => {
    const { open, live, store } = show();
    await open();
    fireEvent.click(screen.getByRole('button', { name }));
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Save now' })).toBeNull());
    expect(live.mock.calls).toEqual([request({ action })]);
    expect(store.asked.value).toHaveLength(1);
  });

  test('sets a learning rate that is one', async () => {
    const { open, live } = show();
    await open();
    const input = screen.getByLabelText('Learning rate');
    fireEvent.input(input, { target: { value: 'fast' } });
    fireEvent.click(screen.getByRole('button', { name: 'Set' }));
    expect(await screen.findByText(/Give a number/)).toBeInTheDocument();
    expect(live).not.toHaveBeenCalled();
    fireEvent.input(input, { target: { value: '5e-4' } });
    fireEvent.click(screen.getByRole('button', { name: 'Set' }));
    await waitFor(() =>
      expect(live.mock.calls).toEqual([
        request({ action: 'learning_rate', learning_rate: '0.0005' }),
      ]),
    );
  });

  test('stops only after a confirmation', async () => {
    const { open, live } = show();
    await open();
    fireEvent.click(screen.getByRole('button', { name: 'Stop…' }));
    const cancel = await screen.findByRole('button', { name: 'Cancel' });
    await waitFor(() => expect(document.activeElement).toBe(cancel));
    fireEvent.click(cancel);
    const stop = await screen.findByRole('button', { name: 'Stop…' });
    await waitFor(() => expect(document.activeElement).toBe(stop));
    fireEvent.click(stop);
    expect(live).not.toHaveBeenCalled();
    fireEvent.click(await screen.findByRole('button', { name: 'Stop the training' }));
    await waitFor(() => expect(live.mock.calls).toEqual([request({ action: 'stop' })]));
  });

  test('lets a paused one go on', async () => {
    const { live } = show({ liveState: async () => liveState({ paused: true }) });
    fireEvent.click(await screen.findByRole('button', { name: 'Paused' }));
    expect(screen.queryByRole('button', { name: 'Pause' })).toBeNull();
    fireEvent.click(await screen.findByRole('button', { name: 'Continue' }));
    await waitFor(() => expect(live.mock.calls).toEqual([request({ action: 'continue' })]));
  });

  test('has the command of each action', async () => {
    const { open } = show();
    await open();
    fireEvent.change(screen.getByLabelText('To'), { target: { value: 'stop' } });
    expect(await screen.findByText('epochline live stop')).toBeInTheDocument();
  });

  test('is off with the reason, and shows the commands', async () => {
    const off = { allowed: false, reason: 'It listens on all interfaces.', hint: 'Use a flag.' };
    const { open, live } = show({}, off);
    await open();
    const button = screen.getByRole('button', { name: 'Pause' });
    expect(button).toHaveAccessibleDescription(/It listens on all interfaces\. Use a flag\./);
    fireEvent.click(button);
    expect(live).not.toHaveBeenCalled();
    expect(screen.getByText('epochline live pause')).toBeVisible();
  });

  test('says why the server refuses, and stays', async () => {
    const { open } = show({
      live: async () => Promise.reject(new ApiError('forbidden', 'Another site.', 'Reload.')),
    });
    await open();
    fireEvent.click(screen.getByRole('button', { name: 'Pause' }));
    expect(await screen.findByRole('alert')).toHaveTextContent('Another site. Reload.');
  });

  test('asks for the token first, once, and again when it is another one', async () => {
    const refused = new ApiError('forbidden', 'Not that token.', '');
    const { live } = show({ live: async () => Promise.reject(refused) }, YES, ['running'], true);
    fireEvent.click(await screen.findByRole('button', { name: 'Live' }));
    const give = async (token: string) => {
      fireEvent.input(await screen.findByLabelText('Token'), { target: { value: token } });
      fireEvent.click(screen.getByRole('button', { name: 'Use token' }));
    };
    await give(' ');
    expect(screen.queryByRole('button', { name: 'Pause' })).toBeNull();
    await give('secret');
    const pause = await screen.findByRole('button', { name: 'Pause' });
    await waitFor(() => expect(document.activeElement).toBe(pause));
    fireEvent.click(pause);
    expect(await screen.findByRole('alert')).toHaveTextContent('Not that token.');
    expect(live).toHaveBeenCalledWith(expect.objectContaining({ action: 'pause' }), 'secret');
    expect(screen.queryByRole('button', { name: 'Pause' })).toBeNull();
  });

  test('of several trainings asks the one that is chosen', async () => {
    const { open, live } = show(
      {
        live: async ({ run }) => liveAnswer({ run }),
        liveState: async (run) => liveState({ run, listening: run !== 'run 2', message: run }),
      },
      YES,
      ['running', 'running', 'running', 'ended'],
    );
    await open();
    const choose = (value: string) =>
      fireEvent.change(screen.getByLabelText('Run'), { target: { value } });
    const { options } = screen.getByLabelText<HTMLSelectElement>('Run');
    expect([...options].map(({ value }) => value)).toEqual(['pima', 'run 1', 'run 2']);
    choose('run 2');
    await waitFor(() => expect(screen.queryByRole('button', { name: 'Pause' })).toBeNull());
    choose('run 1');
    fireEvent.click(await screen.findByRole('button', { name: 'Pause' }));
    await waitFor(() => expect(live.mock.calls[0]?.[0].run).toBe('run 1'));
  });
});

test('a slow answer is as good as a quick one', async () => {
  const answers: ((state: LiveState) => void)[] = [];
  const { state, store } = show({
    liveState: () => new Promise((resolve) => answers.push(resolve)),
  });
  await waitFor(() => expect(state).toHaveBeenCalledTimes(1));
  act(() => {
    store.answeredAt.value = 1_700_000_300;
  });
  await waitFor(() => expect(state).toHaveBeenCalledTimes(2));
  answers[0]?.(liveState());
  expect(await screen.findByRole('button', { name: 'Live' })).toBeInTheDocument();
});

test('a training that does not listen has no menu', async () => {
  const { state } = show({ liveState: async () => liveState({ listening: false }) });
  await waitFor(() => expect(state).toHaveBeenCalled());
  expect(screen.queryByRole('button')).toBeNull();
});

test('of runs that are not trained nothing is asked', async () => {
  const { state, store } = show({}, YES, ['ended', 'unknown']);
  store.answeredAt.value = 1_700_000_300;
  await Promise.resolve();
  expect(state).not.toHaveBeenCalled();
  expect(screen.queryByRole('button')).toBeNull();
});
