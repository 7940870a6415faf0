import { describe, expect, test } from 'vitest';
import { DEFAULT_LINK } from '../model/deep-link';
import { checkpoints, history, timeline } from '../testing/builders';
import { filledStore } from '../testing/store';
import { metricNames } from './runs';
import { createStore } from './store';

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
    expect(metricNames(store)).toEqual(['val_loss', 'loss', 'val_accuracy']);
  });

  test('lists what lies inside of the zoom, on the axis that is shown', () => {
    const store = filledStore(TWO);
    store.change({ zoom: [1.5, 2.5] });
    expect(store.rows.value.map(({ id }) => id)).toEqual(['b']);
    store.change({ axis: 'step', zoom: [0, 60] });
    expect(store.rows.value.map(({ id }) => id)).toEqual(['a', 'x']);
  });

  test('knows the best value of any metric, in its own direction', () => {
    const store = filledStore(TWO);
    expect(store.bestValue('val_loss')).toBe(0.5);
    expect(store.bestValue('val_accuracy')).toBe(0.5);
    store.change({ direction: 'max' });
    expect(store.bestValue('val_loss')).toBe(0.65);
    expect(store.bestValue('f1')).toBeNaN();
  });

  test('focuses on the run that is pointed at, else on that of the selection', () => {
    const store = filledStore(TWO);
    expect(store.focusedRun.value).toBeNull();
    store.change({ selection: { kind: 'checkpoint', run: 'a', id: 'b' } });
    expect(store.focusedRun.value).toBe('a');
    store.pointer.value = { plot: 'lanes', x: 1, y: 0.9 };
    expect(store.focusedRun.value).toBe('b');
    store.pointer.value = { plot: 'metric', x: 2, y: 0.7 };
    expect(store.nearest.value).toMatchObject({ run: { model: { name: 'a' } }, row: 1 });
    store.pointedRun.value = 'b';
    expect(store.focusedRun.value).toBe('b');
    store.hover.value = { kind: 'checkpoint', run: 'a', id: 'a' };
    expect(store.focusedRun.value).toBe('a');
  });

  test('keeps what a tick did not change', () => {
    const store = filledStore(TWO);
    const { bestKeys, monitorKeys } = store;
    const before = [bestKeys.value, monitorKeys.value];
    store.models.value = new Map(store.models.value);
    expect([bestKeys.value, monitorKeys.value]).toEqual(before);
    expect(bestKeys.value).toBe(before[0]);
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
