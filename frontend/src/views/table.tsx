/** The table of checkpoints with its filters, and what is shown where no row is left. */
import { useComputed } from '@preact/signals';
import { useMemo, useRef } from 'preact/hooks';
import { defaultColumns } from '../model/columns';
import { equalLists } from '../model/equal';
import { isLearningRate } from '../model/metrics';
import { NO_FILTER } from '../model/rows';
import { useStore } from '../state/context';
import { metricNames } from '../state/runs';
import { stable } from '../state/stable';
import { MARK_WIDTH, tableOf } from './columns';
import { Grid } from './grid';
import { TableFilters } from './table-filters';
import { useWidth } from './use-width';

/** Padding and scroll bar. */
const BESIDE = 48 + MARK_WIDTH;

function useStable<T>(make: () => T, equal: (a: T, b: T) => boolean) {
  return useMemo(() => stable(make, equal), []);
}

export function CheckpointTable({ height }: { height: number }) {
  const store = useStore();
  const place = useRef<HTMLElement>(null);
  const width = useWidth(place, 1200);
  const room = useComputed(() => width.value - BESIDE);
  const rows = store.rows.value;
  const metrics = useStable(() => metricNames(store), equalLists);
  const severalRuns = useComputed(() => store.summaries.value.length > 1);
  const ids = useStable(
    () =>
      store.link.value.columns ??
      defaultColumns(
        metrics.value.filter((name) => !isLearningRate(name)),
        severalRuns.value,
        room.value,
      ),
    equalLists,
  );
  const columns = useComputed(() => tableOf(store, ids.value, room.value)).value;
  return (
    <section
      ref={place}
      class="table"
      aria-label="Table of checkpoints"
      style={{ flexBasis: `${height}px` }}
    >
      <TableFilters columns={columns} metrics={metrics.value} severalRuns={severalRuns.value} />
      {rows.length > 0 ? <Grid rows={rows} columns={columns} /> : <NoRows />}
    </section>
  );
}

function NoRows() {
  const { allRows, change } = useStore();
  if (allRows.value.length === 0) {
    return (
      <div class="no-match">
        <p>No checkpoint in the shown runs yet.</p>
      </div>
    );
  }
  return (
    <div class="no-match">
      <p>No checkpoint matches.</p>
      <button
        type="button"
        class="button"
        onClick={() => change({ rowFilter: NO_FILTER, zoom: null })}
      >
        Clear filters
      </button>
    </div>
  );
}
