/** The rows of the table: the checkpoints of the shown runs, filtered, inside of the zoom, and sorted. */
import { computed, type ReadonlySignal, type Signal } from '@preact/signals';
import type { LinkState } from '../model/deep-link';
import { filterRows, sortRows } from '../model/rows';
import type { Checkpoint } from '../model/run';
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
  const allRows = computed(() => shownModels.value.flatMap(({ checkpoints }) => checkpoints));
  const inView = computed(() => {
    if (zoom.value === null) return allRows.value;
    const [from, to] = zoom.value;
    return shownModels.value.flatMap((model) =>
      model.checkpoints.filter((row) => {
        const x = model.x(row, axis.value);
        return x >= from && x <= to;
      }),
    );
  });
  const filtered = computed(() => filterRows(inView.value, filter.value, bestKeys.value));
  return {
    allRows,
    rows: computed(() => sortRows(filtered.value, sort.value, bestKeys.value)),
  };
}
