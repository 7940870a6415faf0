/** The rows of the table: the checkpoints of the shown runs, filtered, inside of the zoom, and sorted. */
import { computed, type ReadonlySignal, type Signal } from '@preact/signals';
import type { Axis } from '../model/axis';
import type { LinkState } from '../model/deep-link';
import { latest } from '../model/memo';
import { filterRows, rememberingSort } from '../model/rows';
import type { Checkpoint, RunModel } from '../model/run';
import type { RunSignals } from './runs';

export interface RowSignals {
  readonly allRows: ReadonlySignal<readonly Checkpoint[]>;
  readonly rows: ReadonlySignal<readonly Checkpoint[]>;
}

export function rowSignals(
  link: Signal<LinkState>,
  { shownModels, bestKeys }: Pick<RunSignals, 'shownModels' | 'bestKeys'>,
): RowSignals {
  const axis = computed(() => link.value.axis);
  const zoom = computed(() => link.value.zoom);
  const sort = computed(() => link.value.sort);
  const filter = computed(() => link.value.rowFilter);
  const sorted = rememberingSort();
  const filtered = latest(filterRows);
  const inView = latest((model: RunModel, axis: Axis, from: number, to: number) =>
    model.checkpoints.filter((row) => {
      const x = model.x(row, axis);
      return x >= from && x <= to;
    }),
  );
  const rowsInView = computed(() => {
    const range = zoom.value;
    return shownModels.value.map((model) =>
      range === null ? model.checkpoints : inView(model, axis.value, ...range),
    );
  });
  return {
    allRows: computed(() => shownModels.value.flatMap(({ checkpoints }) => checkpoints)),
    rows: computed(() => {
      const best = bestKeys.value;
      const ofRuns = rowsInView.value.map((rows) => filtered(rows, filter.value, best));
      return sorted(ofRuns, sort.value, best);
    }),
  };
}
