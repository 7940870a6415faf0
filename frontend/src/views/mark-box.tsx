/** The box that marks a checkpoint of the table, and the one in the heading that marks all listed. */
import { useComputed } from '@preact/signals';
import { formatEpoch, plural } from '../model/format';
import type { Checkpoint } from '../model/run';
import { useStore } from '../state/context';
import type { Store } from '../state/store';

/** Marks the rows, or takes their marks away where all have one. */
export function toggleMarks({ marked, announcement }: Store, rows: readonly Checkpoint[]): void {
  const next = new Set(marked.value);
  const all = rows.every(({ key }) => next.has(key));
  for (const { key } of rows) {
    if (all) next.delete(key);
    else next.add(key);
  }
  marked.value = next;
  announcement.value = `${plural(next.size, 'checkpoint')} marked.`;
}

/** A picture, not an `<input>`: thirty of those would be most of a frame. Its clicks are the grid's. */
export function MarkBox({ row }: { row: Checkpoint }) {
  const { marked } = useStore();
  const on = useComputed(() => marked.value.has(row.key)).value;
  return (
    <span
      class="mark-box"
      role="checkbox"
      aria-checked={on}
      aria-label={`Mark epoch ${formatEpoch(row.epoch)}`}
    />
  );
}

export function MarkAll() {
  const store = useStore();
  const state = useComputed(() => {
    const marks = store.marked.value;
    const rows = store.rows.value;
    const count = marks.size === 0 ? 0 : rows.filter(({ key }) => marks.has(key)).length;
    return count === 0 ? 'false' : count === rows.length ? 'true' : 'mixed';
  }).value;
  return (
    <button
      type="button"
      tabIndex={-1}
      role="checkbox"
      aria-checked={state}
      title="Mark all listed"
      aria-label="Mark all listed"
      class="mark-all"
      onClick={() => toggleMarks(store, store.rows.value)}
    >
      <span class="mark-box" data-checked={state} />
    </button>
  );
}
