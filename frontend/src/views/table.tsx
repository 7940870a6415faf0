/** The table of checkpoints with its filters, and what is shown where no row is left. */
import { useStore } from '../state/context';
import { NO_FILTER } from '../state/store';
import { Grid } from './grid';
import { TableFilters } from './table-filters';

export function CheckpointTable({ height }: { height: number }) {
  const store = useStore();
  const rows = store.rows.value;
  return (
    <section class="table" aria-label="Table of checkpoints" style={{ flexBasis: `${height}px` }}>
      <TableFilters />
      {rows.length > 0 ? <Grid rows={rows} /> : <NoRows />}
    </section>
  );
}

function NoRows() {
  const { allRows, rowFilter } = useStore();
  if (allRows.value.length === 0) {
    return (
      <div class="no-match">
        <p>No checkpoint in the shown runs yet.</p>
      </div>
    );
  }
  const clear = () => {
    rowFilter.value = NO_FILTER;
  };
  return (
    <div class="no-match">
      <p>No checkpoint matches.</p>
      <button type="button" class="button" onClick={clear}>
        Clear filters
      </button>
    </div>
  );
}
