import { describe, expect, test } from 'vitest';
import { DEFAULT_LINK } from '../model/deep-link';
import { checkpoints, history, timeline } from '../testing/builders';
import { filledStore } from '../testing/store';
import { createStore, metricColumns } from './store';

const TWO = [
  timeline({ run: 'a' }),
  timeline({
    run: 'b',
    history: history({ loss: [1], val_accuracy: [0.5] }),
    checkpoints: checkpoints([{ id: 'x', epoch: 0, metrics: { loss: 1, val_accuracy: 0.5 } }]),
  }),
];

describe('the store', () => {
  test('shows all runs, ranked by the monitor of the first', () => {
    const store = filledStore(TWO);
    expect(store.choice.value?.key).toBe('loss');
    expect(store.direction.value).toBe('min');
    expect(store.shownRuns.value.map(({ best }) => best?.id)).toEqual(['b', undefined]);
  });

  test('finds the best anew when metric or direction change', () => {
    const store = filledStore(TWO);
    store.change({ metric: 'accuracy' });
    expect(store.direction.value).toBe('max');
    expect(store.shownRuns.value.map(({ best }) => best?.id)).toEqual([undefined, 'x']);
    store.change({ metric: 'loss', direction: 'max' });
    expect(store.shownRuns.value.map(({ best }) => best?.id)).toEqual(['c', undefined]);
  });

  test('lists the checkpoints of shown runs, newest first', () => {
    const store = filledStore(TWO);
    expect(store.rows.value.map(({ id }) => id)).toEqual(['c', 'b', 'a', 'x']);
    store.change({ runs: { mode: 'hide', names: new Set(['a']) } });
    expect(store.rows.value.map(({ id }) => id)).toEqual(['x']);
  });

  test('starts the table with the metrics shown and leaves out those without values', () => {
    const store = filledStore(TWO);
    expect(metricColumns(store, 9)).toEqual(['val_loss', 'loss', 'val_accuracy']);
    expect(metricColumns(store, 1)).toEqual(['val_loss']);
  });

  test('resolves the selection once its run is there', () => {
    const store = createStore({
      ...DEFAULT_LINK,
      selection: { kind: 'checkpoint', run: 'a', id: 'b' },
    });
    expect(store.selectedCheckpoint.value).toBeNull();
    store.models.value = filledStore(TWO).models.value;
    expect(store.selectedCheckpoint.value?.id).toBe('b');
  });

  test('allows no restore inside of a frame of another origin', () => {
    const store = createStore(DEFAULT_LINK, true);
    store.runs.value = filledStore(TWO).runs.value;
    expect(store.restorePermission.value).toMatchObject({ allowed: false });
    expect(filledStore(TWO).restorePermission.value.allowed).toBe(true);
  });
});
