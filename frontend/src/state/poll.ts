/**
 * Keeps the store up to date: asks every two seconds while the panel is seen, never while it is hidden.
 *
 * Invariant: at most one round is under way, and a round commits once, so that charts are built once, unless
 * the server is slow.
 */
import { batch } from '@preact/signals';
import { type Api, ApiError, Unreachable } from '../api/client';
import type { Runs, Timeline } from '../api/types';
import { buildRun, type RunModel } from '../model/run';
import { isShown } from '../model/run-filter';
import type { Store } from './store';

export const POLL_MS = 2_000;
export const RETRY_MS = 5_000;
/** What a slow server has answered so far is shown after this time; a quick one's all at once. */
export const PATIENCE_MS = 1_000;

export interface Poller {
  /** Asks now, or as soon as the round under way is done. */
  poke(): void;
  setVisible(visible: boolean): void;
  stop(): void;
}

/** Shown runs that the store does not have in their present revision. */
function staleRuns({ models, link, runErrors }: Store, { runs }: Runs): string[] {
  return runs
    .filter(({ run, revision }) => {
      if (!isShown(link.peek().runs, run)) return false;
      return runErrors.peek().has(run) || models.peek().get(run)?.timeline.revision !== revision;
    })
    .map(({ run }) => run);
}

function commitModels(store: Store, runs: Runs, timelines: readonly Timeline[]): void {
  const names = new Set(runs.runs.map(({ run }) => run));
  const old = store.models.peek();
  if (timelines.length === 0 && [...old.keys()].every((run) => names.has(run))) return;
  const models = new Map<string, RunModel>([...old].filter(([run]) => names.has(run)));
  for (const timeline of timelines) models.set(timeline.run, buildRun(timeline));
  store.models.value = models;
}

function commit(store: Store, runs: Runs, timelines: readonly Timeline[]): void {
  batch(() => {
    if (store.runs.peek() !== runs) store.runs.value = runs;
    commitModels(store, runs, timelines);
    store.connection.value = { state: 'ok' };
    store.answeredAt.value = Date.now() / 1000;
  });
}

async function round(store: Store, api: Api): Promise<void> {
  const runs = await api.runs();
  const errors = new Map<string, ApiError>();
  let waiting: Timeline[] = [];
  let committedAt = performance.now();
  await api.timelines(staleRuns(store, runs), ({ timelines, failures }) => {
    waiting.push(...timelines);
    for (const { run, error } of failures) {
      errors.set(run, new ApiError(error.code, error.message, error.hint));
    }
    if (performance.now() - committedAt < PATIENCE_MS) return;
    commit(store, runs, waiting);
    waiting = [];
    committedAt = performance.now();
  });
  batch(() => {
    commit(store, runs, waiting);
    if (errors.size > 0 || store.runErrors.peek().size > 0) store.runErrors.value = errors;
  });
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
