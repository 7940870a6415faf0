// @vitest-environment happy-dom
import { fireEvent, screen, waitFor } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import type { Permission } from '../api/types';
import { checkpointDetail, fakeApi, liveAnswer, liveState, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { LiveDialog } from './live-dialog';
import { LiveStrip } from './live-strip';

const YES: Permission = { allowed: true, reason: null, hint: null };

function show(part: Partial<Api> = {}, permission = YES, token = false, hasOptimizer = true) {
  const actions = { restore: YES, change: YES, live: { ...permission, token } };
  const store = filledStore([timeline({ state: 'running' })], { actions });
  const live = vi.fn(part.live ?? fakeApi([]).live);
  const api = fakeApi([], { ...part, live });
  const onClose = vi.fn();
  const detail = checkpointDetail({ has_optimizer: hasOptimizer });
  renderIn(
    testPanel(store, api),
    <>
      <LiveStrip />
      <LiveDialog detail={detail} onClose={onClose} />
    </>,
  );
  const requests = () => live.mock.calls.map(([request]) => request);
  return { store, live, requests, onClose };
}

function giveToken(token: string): void {
  fireEvent.input(screen.getByLabelText('Token'), { target: { value: token } });
  fireEvent.click(screen.getByRole('button', { name: 'Use token' }));
}

const confirm = () => screen.findByRole('button', { name: 'Restore into the training' });
const strip = () => screen.findByRole('region', { name: 'Requests to running trainings' });

describe('the dialog', () => {
  test('tells what the training says that it would do, before anything is done', async () => {
    const { requests } = show();
    expect(await screen.findByText('The epoch counter of fit goes on.')).toBeInTheDocument();
    expect(screen.getByText(/Changes most/)).toHaveTextContent('dense 25.0 %');
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Cancel' }));
    expect(requests()).toEqual([expect.objectContaining({ dry_run: true, checkpoint: 'b' })]);
  });

  test('asks for what was chosen, once, and shows what became of it in the strip', async () => {
    const { requests, onClose } = show();
    fireEvent.click(await screen.findByLabelText('weights alone'));
    fireEvent.click(screen.getByLabelText('keep'));
    fireEvent.input(screen.getByLabelText('Another learning rate'), { target: { value: '2e-4' } });
    await screen.findByText('What will happen');
    const button = await confirm();
    fireEvent.click(button);
    fireEvent.click(button);
    await waitFor(() => expect(onClose).toHaveBeenCalled());
    const done = requests().filter(({ dry_run }) => !dry_run);
    expect(done).toHaveLength(1);
    const chosen = { optimizer: false, learning_rate: '0.0002', counters: 'keep' };
    expect(done[0]).toMatchObject({ action: 'restore', checkpoint: 'b', ...chosen });
    expect(requests().at(-2)).toMatchObject({ dry_run: true, ...chosen });
    expect(await strip()).toHaveTextContent('14 of 14 variables restored');
  });

  test('asks nothing while the learning rate is none', async () => {
    const { requests } = show();
    await screen.findByText('What will happen');
    fireEvent.input(screen.getByLabelText('Another learning rate'), { target: { value: 'fast' } });
    expect(screen.getByText(/Give a number/)).toBeInTheDocument();
    expect(await confirm()).toHaveAttribute('aria-disabled', 'true');
    expect(requests()).toHaveLength(1);
  });

  test('says why a training refuses, and lets choose again', async () => {
    const { requests } = show({
      live: async (request) =>
        request.optimizer
          ? liveAnswer({ outcome: 'refused', message: 'It holds the state of SGD.', dry_run: true })
          : liveAnswer({ dry_run: true }),
    });
    expect(await screen.findByText(/It holds the state of SGD/)).toHaveTextContent('Refused.');
    fireEvent.click(await confirm());
    fireEvent.click(screen.getByLabelText('weights alone'));
    expect(await screen.findByText('What will happen')).toBeInTheDocument();
    expect(requests().every(({ dry_run }) => dry_run)).toBe(true);
  });

  test('offers the state of the optimizer only where the file holds it', async () => {
    const { requests } = show({}, YES, false, false);
    expect(await screen.findByLabelText('weights and state of the optimizer')).toBeDisabled();
    await screen.findByText('What will happen');
    expect(requests()[0]).toMatchObject({ optimizer: false, learning_rate: 'keep' });
  });

  test('of a run that nobody trains says so, and offers the other ways', async () => {
    const message = 'This run is not being trained.';
    const { live } = show({ liveState: async () => liveState({ listening: false, message }) });
    expect(await screen.findByText(message)).toBeInTheDocument();
    expect(screen.getByText('epochline restore')).toBeInTheDocument();
    expect(screen.getByText('run.restore()')).toBeInTheDocument();
    expect(screen.queryByRole('button', { name: 'Restore into the training' })).toBeNull();
    expect(live).not.toHaveBeenCalled();
  });

  test('is off with the reason, and has the command for what is chosen', async () => {
    const state = vi.fn(fakeApi([]).liveState);
    const off = { allowed: false, reason: 'It listens on all interfaces.', hint: 'Use a flag.' };
    const { live } = show({ liveState: state }, off);
    expect(await confirm()).toHaveAccessibleDescription(
      /It listens on all interfaces\. Use a flag\./,
    );
    fireEvent.click(screen.getByLabelText('weights alone'));
    expect(screen.getByText('epochline restore --live')).toBeVisible();
    await waitFor(() =>
      expect(state).toHaveBeenLastCalledWith(
        'pima',
        expect.objectContaining({ checkpoint: 'b', optimizer: false }),
      ),
    );
    fireEvent.click(await confirm());
    expect(live).not.toHaveBeenCalled();
  });

  test('asks for the token once, where one is needed', async () => {
    const { live, store } = show({}, YES, true);
    await screen.findByLabelText('Token');
    expect(live).not.toHaveBeenCalled();
    giveToken(' secret ');
    expect(await screen.findByText('What will happen')).toBeInTheDocument();
    expect(live).toHaveBeenLastCalledWith(expect.anything(), 'secret');
    expect(store.liveToken.value).toBe('secret');
    expect(document.activeElement).toBe(screen.getByRole('button', { name: 'Cancel' }));
  });

  test('says that a token is the wrong one, and asks again', async () => {
    const live: Api['live'] = async (_, token) => {
      if (token !== 'secret') throw new ApiError('forbidden', 'Not that token.', 'Another.');
      return liveAnswer({ dry_run: true });
    };
    show({ live }, YES, true);
    await screen.findByLabelText('Token');
    giveToken('wrong');
    expect(await screen.findByRole('alert')).toHaveTextContent('Not that token. Another.');
    await waitFor(() => expect(document.activeElement).toBe(screen.getByLabelText('Token')));
    giveToken('secret');
    expect(await screen.findByText('What will happen')).toBeInTheDocument();
    expect(screen.queryByRole('alert')).toBeNull();
  });

  test('that cannot ask shows why, and the command', async () => {
    let refused = false;
    const { onClose } = show({
      live: async (request) => {
        if (!request.dry_run) refused = true;
        if (refused) throw new ApiError('forbidden', 'Another site.', 'Reload.');
        return liveAnswer({ dry_run: true });
      },
    });
    await screen.findByText('What will happen');
    fireEvent.click(await confirm());
    expect(await screen.findByRole('alert')).toHaveTextContent('Another site. Reload.');
    expect(screen.getByText('epochline restore --live')).toBeVisible();
    expect(onClose).not.toHaveBeenCalled();
  });
});

describe('the strip', () => {
  test('takes a restore back', async () => {
    const { requests } = show();
    await screen.findByText('What will happen');
    fireEvent.click(await confirm());
    fireEvent.click(await screen.findByRole('button', { name: 'Undo: Restore epoch 2' }));
    await waitFor(() =>
      expect(requests().at(-1)).toMatchObject({ action: 'undo', checkpoint: '' }),
    );
    expect(await strip()).toHaveTextContent('pima · Undo');
  });

  test.each([
    ['refused', 'Refused'],
    ['failed', 'Failed'],
    ['expired', 'Too late'],
    ['nobody', 'Nobody listens'],
  ] as const)('says %s in words, and goes when it is hidden', async (outcome, word) => {
    show({
      live: async ({ dry_run }) =>
        liveAnswer(dry_run ? { dry_run } : { outcome, undo: '', message: 'Nothing was changed.' }),
    });
    await screen.findByText('What will happen');
    fireEvent.click(await confirm());
    expect(await strip()).toHaveTextContent(`${word} Nothing was changed.`);
    expect(screen.queryByRole('button', { name: /^Undo/ })).toBeNull();
    fireEvent.click(screen.getByRole('button', { name: 'Hide: Restore epoch 2' }));
    await waitFor(() =>
      expect(screen.queryByRole('region', { name: 'Requests to running trainings' })).toBeNull(),
    );
  });
});
