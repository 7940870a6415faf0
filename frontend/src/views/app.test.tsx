// @vitest-environment happy-dom
import { act, fireEvent, render, screen, waitFor, within } from '@testing-library/preact';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../api/client';
import { DEFAULT_LINK } from '../model/deep-link';
import { createStore } from '../state/store';
import { decisions, runsAnswer, session, timeline } from '../testing/builders';
import { testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { App } from './app';
// Fetched when it is first needed; no test waits for that.
import './panes';
import { ErrorBoundary } from './error-boundary';

afterEach(() => void vi.useRealTimers());

describe('states', () => {
  test('nothing is shown for 300 ms, then that it is loading', () => {
    vi.useFakeTimers();
    render(<App panel={testPanel(createStore(DEFAULT_LINK))} />);
    expect(screen.queryByText('Loading checkpoints…')).toBeNull();
    act(() => void vi.advanceTimersByTime(301));
    expect(screen.getByText('Loading checkpoints…')).toBeInTheDocument();
  });

  test('an empty log directory says what to do, and what was found instead', () => {
    render(<App panel={testPanel(filledStore([], { other_runs: 8, logdir: 'logs8' }))} />);
    expect(
      screen.getByRole('heading', { name: 'No checkpoints in this log directory yet' }),
    ).toBeInTheDocument();
    expect(document.body).toHaveTextContent('epochline.callbacks.Timeline("logs/run")');
    expect(document.body).toHaveTextContent(
      'Found 8 runs with scalars but no checkpoint records. The callback must log below logs8.',
    );
  });

  test('a server that is gone is said without taking the data away', () => {
    const store = filledStore([timeline()]);
    const panel = testPanel(store);
    render(<App panel={panel} />);
    act(() => {
      store.connection.value = { state: 'lost' };
    });
    const banner = screen.getByRole('alert');
    expect(banner).toHaveTextContent(
      /TensorBoard does not answer\. Showing data from \d\d:\d\d:\d\d\. Trying again every 5 s\./,
    );
    expect(screen.getByRole('grid')).toBeInTheDocument();
    fireEvent.click(screen.getByRole('button', { name: 'Try now' }));
    expect(panel.refresh).toHaveBeenCalledOnce();
  });

  test('an error answer is shown in its words', () => {
    const store = createStore(DEFAULT_LINK);
    const error = new ApiError('internal', 'It broke.', 'Look into the log.');
    store.connection.value = { state: 'error', error };
    render(<App panel={testPanel(store)} />);
    expect(screen.getByRole('alert')).toHaveTextContent('It broke. Look into the log.');
  });

  test('a mistake of ours is a message, not a white page', () => {
    vi.spyOn(console, 'error').mockImplementation(() => {});
    const Broken = () => {
      throw new Error('broken <b>view</b>');
    };
    render(
      <ErrorBoundary>
        <Broken />
      </ErrorBoundary>,
    );
    expect(screen.getByText('The Checkpoints panel stopped')).toBeInTheDocument();
    expect(document.body).toHaveTextContent('broken <b>view</b>');
  });
});

describe('the panel', () => {
  test('shows names and sentences of the server as text', () => {
    const evil = '<img src=x onerror=alert(1)>';
    const answer = timeline({
      run: evil,
      notices: [{ code: 'x', message: evil, hint: evil, session: 0, epoch: 0, wall_time: 0 }],
    });
    render(<App panel={testPanel(filledStore([answer]))} />);
    expect(document.querySelector('img')).toBeNull();
    expect(screen.getAllByText(evil).length).toBeGreaterThan(0);
  });

  test('says how the run ended, and that something is to be known', () => {
    const answer = timeline({
      notices: [
        { code: 'x', message: 'Mind this.', hint: 'Do that.', session: 0, epoch: 0, wall_time: 0 },
      ],
      gaps: [{ session: 0, first_seq: 3, last_seq: 5, message: 'Three events are missing.' }],
    });
    render(<App panel={testPanel(filledStore([answer]))} />);
    expect(screen.getByText('1 notice · 1 gap')).toBeInTheDocument();
    expect(screen.getAllByText(/Completed all epochs\./).length).toBeGreaterThan(0);
    expect(screen.getByText('Three events are missing.')).toBeInTheDocument();
  });

  test('hides and shows runs', () => {
    const store = filledStore([timeline({ run: 'a' }), timeline({ run: 'b' })]);
    render(<App panel={testPanel(store)} />);
    fireEvent.click(screen.getByRole('checkbox', { name: 'a' }));
    expect(store.shownModels.value.map(({ name }) => name)).toEqual(['b']);
    fireEvent.input(screen.getByLabelText(/Filter runs/), { target: { value: 'x' } });
    expect(screen.getByText('No run matches.')).toBeInTheDocument();
  });

  test('lists runs by folder, which can be folded and switched together', () => {
    const runs = ['lr/a', 'alone', 'lr/b', 'wd/a', 'wd/b'].map((run) => timeline({ run }));
    const store = filledStore(runs);
    render(<App panel={testPanel(store)} />);
    const rail = within(screen.getByRole('navigation', { name: 'Runs' }));
    const folder = rail.getByRole('button', { name: 'Runs in lr' });
    const head = rail.getByRole('checkbox', { name: 'Show all runs in lr' });
    fireEvent.click(rail.getByRole('checkbox', { name: 'lr/b' }));
    expect(head).toBePartiallyChecked();
    fireEvent.click(head);
    expect(store.shownModels.value).toHaveLength(5);
    fireEvent.click(head);
    expect(store.shownModels.value.map(({ name }) => name)).toEqual(['alone', 'wd/a', 'wd/b']);
    fireEvent.click(folder);
    expect(folder).toHaveAttribute('aria-expanded', 'false');
    expect(rail.queryByRole('checkbox', { name: 'lr/a' })).toBeNull();
    fireEvent.input(screen.getByLabelText(/Filter runs/), { target: { value: 'lr' } });
    expect(rail.getByRole('checkbox', { name: 'lr/a' })).toBeInTheDocument();
  });

  test('tells when a live run last wrote, and goes on telling', () => {
    const live = timeline({ state: 'running', last_wall_time: 1_700_000_100 });
    const store = filledStore([live]);
    store.answeredAt.value = 1_700_000_112;
    render(<App panel={testPanel(store)} />);
    const rail = screen.getByRole('navigation', { name: 'Runs' });
    expect(rail).toHaveTextContent('live epoch 3 · 12 s ago');
    act(() => {
      store.answeredAt.value = 1_700_000_140;
    });
    expect(rail).toHaveTextContent('40 s ago');
  });

  test('tells which session and which run a session continues', () => {
    const base = timeline({
      run: 'base',
      sessions: [session({ id: 'b1' }), session({ id: 'b2', parent: 'b1' })],
    });
    const tuned = timeline({ run: 'tuned', sessions: [session({ id: 't', parent: 'b2' })] });
    const store = filledStore([base, tuned]);
    render(<App panel={testPanel(store)} />);
    expect(screen.getByText(/Session 2:/).parentElement).toHaveTextContent('Continues session 1.');
    expect(screen.getByTitle('Continues a training of base')).toHaveTextContent('base');
    fireEvent.click(screen.getByRole('button', { name: 'base' }));
    expect(store.link.value.why).toBe('base');
  });

  test('explains only the shapes that are there', () => {
    render(<App panel={testPanel(filledStore([timeline()]))} />);
    const legend = screen.getByRole('list', { name: 'Legend' });
    expect(legend).toHaveTextContent('validation train best saved pruned');
    expect(legend).not.toHaveTextContent('pinned');
  });

  test('opens the pane of a selected decision, and closes it with Escape', async () => {
    const sentence = 'Stopped at epoch 3: val_loss did not improve.';
    const answer = timeline({
      decisions: decisions([{ epoch: 2, topic: 'stop', verdict: 'stopped', sentence }]),
    });
    const store = filledStore([answer]);
    render(<App panel={testPanel(store)} />);
    act(() => store.change({ selection: { kind: 'decision', run: 'pima', index: 0 } }));
    expect(await screen.findByText(sentence)).toBeInTheDocument();
    fireEvent.keyDown(document.body, { key: 'Escape' });
    await waitFor(() => expect(screen.queryByText(sentence)).toBeNull());
    expect(store.link.value.selection).toBeNull();
  });

  test('says of a link to what is gone that it is gone', () => {
    const store = filledStore([timeline()]);
    store.change({ selection: { kind: 'checkpoint', run: 'gone', id: 'x' } });
    render(<App panel={testPanel(store)} />);
    expect(screen.getByText(/This checkpoint is not in the data/)).toBeInTheDocument();
  });

  test('follows a change of the data', () => {
    const store = filledStore([timeline()]);
    render(<App panel={testPanel(store)} />);
    act(() => {
      store.runs.value = runsAnswer([]);
    });
    expect(screen.getByText('No checkpoints in this log directory yet')).toBeInTheDocument();
  });
});
