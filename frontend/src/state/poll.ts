/**
 * Keeps the store up to date: asks every two seconds while the panel is seen, never while it is hidden.
 *
 * Invariant: at most one round is under way, and a round commits once, so that charts are built once.
 */
import { batch } from '@preact/signals';
import { type Api, ApiError, Unreachable } from '../api/client';
import type { Runs, Timeline } from '../api/types';
import { buildRun, type RunModel } from '../model/run';
import { isShown } from '../model/run-filter';
import type { Store } from './store';

export const POLL_MS = 2_000;
export const RETRY_MS = 5_000;
/** Browsers open six connections per server; one is left for what the user asks for. */
const PARALLEL = 5;

export interface Poller {
  /** Asks now, or as soon as the round under way is done. */
  poke(): void;
  setVisible(visible: boolean): void;
  stop(): void;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

interface Round {
  readonly timelines: Map<string, Timeline>;
  readonly errors: Map<string, ApiError>;
}

/** The timelines of shown runs that the store does not have in their present revision. */
async function fetchChanged(store: Store, api: Api, runs: Runs): Promise<Round> {
  const { models, link, runErrors } = store;
  const round: Round = { timelines: new Map(), errors: new Map() };
  const stale = runs.runs.filter(({ run, revision }) => {
    if (!isShown(link.peek().runs, run)) return false;
    return runErrors.peek().has(run) || models.peek().get(run)?.timeline.revision !== revision;
  });
  await inParallel(stale, async ({ run }) => {
    try {
      const since = models.peek().get(run)?.timeline.revision ?? null;
      const timeline = await api.timeline(run, since);
      if (timeline !== null) round.timelines.set(run, timeline);
    } catch (cause) {
      if (!(cause instanceof ApiError)) throw cause;
      round.errors.set(run, cause);
    }
  });
  return round;
}

function commit(store: Store, runs: Runs, { timelines, errors }: Round): void {
  const names = new Set(runs.runs.map(({ run }) => run));
  const old = store.models.peek();
  const gone = [...old.keys()].some((run) => !names.has(run));
  batch(() => {
    if (store.runs.peek() !== runs) store.runs.value = runs;
    if (timelines.size > 0 || gone) {
      const models = new Map<string, RunModel>([...old].filter(([run]) => names.has(run)));
      for (const [run, timeline] of timelines) models.set(run, buildRun(timeline));
      store.models.value = models;
    }
    if (errors.size > 0 || store.runErrors.peek().size > 0) store.runErrors.value = errors;
    store.connection.value = { state: 'ok' };
    store.answeredAt.value = Date.now() / 1000;
  });
}

async function round(store: Store, api: Api): Promise<void> {
  const runs = await api.runs();
  commit(store, runs, await fetchChanged(store, api, runs));
}

/** Starts asking. The first round runs at once. */
export function startPolling(store: Store, api: Api, visible: boolean): Poller {
  let shown = visible;
  let stopped = false;
  let busy = false;
  let again = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const run = async () => {
    clearTimeout(timer);
    if (stopped || !shown) return;
    if (busy) {
      again = true;
      return;
    }
    busy = true;
    again = false;
    let wait = POLL_MS;
    try {
      await round(store, api);
    } catch (cause) {
      wait = RETRY_MS;
      store.connection.value =
        cause instanceof ApiError ? { state: 'error', error: cause } : { state: 'lost' };
      if (!(cause instanceof ApiError || cause instanceof Unreachable)) console.error(cause);
    }
    busy = false;
    if (!stopped) timer = setTimeout(run, again ? 0 : wait);
  };
  void run();
  return {
    poke: () => void run(),
    setVisible(next) {
      const appeared = next && !shown;
      shown = next;
      if (appeared) void run();
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
