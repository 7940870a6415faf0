/** A store that is filled from given timelines, as if the server had answered. */
import type { Runs, Timeline } from '../api/types';
import { DEFAULT_LINK } from '../model/deep-link';
import { buildRun } from '../model/run';
import { createStore, type Store } from '../state/store';
import { runsAnswer } from './builders';

export function filledStore(timelines: readonly Timeline[], runs: Partial<Runs> = {}): Store {
  const store = createStore(DEFAULT_LINK);
  store.runs.value = runsAnswer(timelines, runs);
  store.models.value = new Map(timelines.map((item) => [item.run, buildRun(item)]));
  store.connection.value = { state: 'ok' };
  store.answeredAt.value = 1_700_000_200;
  return store;
}
