/** The columns of the table: their order, width, heading and cells. */
import type { ComponentChildren } from 'preact';
import { checkpointShape } from '../layout/glyphs';
import { formatBytes, formatEpoch, formatInteger, formatMetric, formatTime } from '../model/format';
import type { SortColumn } from '../model/rows';
import { type Checkpoint, metricOf } from '../model/run';
import { REASON_LABEL, STATUS_LABEL } from '../model/words';
import { metricColumns, type Store } from '../state/store';
import { GlyphIcon } from './glyph';

export interface Column {
  readonly id: SortColumn;
  readonly heading: string;
  /** Least width in px. */
  readonly width: number;
  /** Takes the width that is left. */
  readonly grows: boolean;
  readonly numeric: boolean;
  /** The first click sorts in this direction. */
  readonly descendingFirst: boolean;
  readonly cell: (row: Checkpoint) => ComponentChildren;
}

function statusCell(store: Store, row: Checkpoint): ComponentChildren {
  const best = store.bestKeys.value.has(row.key);
  const own = store.models.value.get(row.run)?.timeline.best === row.id;
  return (
    <span class={`status ${row.status}`}>
      <GlyphIcon shape={checkpointShape(row.status, best, own)} color={store.color(row.run)} />
      {best ? 'Best' : STATUS_LABEL[row.status]}
    </span>
  );
}

function runCell(store: Store, row: Checkpoint): ComponentChildren {
  return (
    <>
      <span class="swatch" style={{ background: store.color(row.run) }} />
      <bdi>{row.run}</bdi>
    </>
  );
}

type Kind = 'text' | 'number';

function column(
  id: SortColumn,
  heading: string,
  width: number,
  kind: Kind,
  cell: Column['cell'],
  descendingFirst = kind === 'number',
): Column {
  const grows = id === 'why';
  return { id, heading, width, grows, numeric: kind === 'number', descendingFirst, cell };
}

/** The columns as CSS grid tracks, and the width below which the table scrolls sideways. */
export function tableTracks(columns: readonly Column[]): { tracks: string; minWidth: number } {
  const track = ({ width, grows }: Column) => (grows ? `minmax(${width}px, 1fr)` : `${width}fr`);
  const fixed = columns.some(({ grows }) => grows);
  return {
    tracks: columns
      .map((item) => (fixed && !item.grows ? `${item.width}px` : track(item)))
      .join(' '),
    minWidth: columns.reduce((sum, { width }) => sum + width, 0),
  };
}

function metricColumn(store: Store, name: string): Column {
  const descending = store.direction.value === 'max' && name === store.choice.value?.rank;
  return column(
    `metric:${name}`,
    name,
    100,
    'number',
    (row) => formatMetric(metricOf(row, name)),
    descending,
  );
}

/** The columns that fit: everything on wide tables, the essentials on narrow ones. */
export function tableColumns(store: Store, narrow: boolean): Column[] {
  const status = column('status', 'Status', 92, 'text', (row) => statusCell(store, row));
  const run = column('run', 'Run', 136, 'text', (row) => runCell(store, row));
  const epoch = column('epoch', 'Epoch', 66, 'number', (row) => formatEpoch(row.epoch));
  const step = column('step', 'Step', 76, 'number', (row) => formatInteger(row.step));
  const saved = column('saved', 'Saved', 136, 'number', (row) => formatTime(row.wallTime));
  const runs = store.summaries.value.length > 1 ? [run] : [];
  const metrics = metricColumns(store, narrow ? 1 : 5).map((name) => metricColumn(store, name));
  if (narrow) return [status, ...runs, epoch, ...metrics, saved];
  const size = column('size', 'Size', 76, 'number', (row) => formatBytes(row.sizeBytes));
  const reason = column('reason', 'Reason', 96, 'text', (row) => REASON_LABEL[row.reason]);
  const why = column('why', 'Why', 200, 'text', (row) => row.why);
  return [status, ...runs, epoch, step, saved, ...metrics, size, reason, why];
}
