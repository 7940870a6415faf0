/** The columns of the table: their order, width, heading and cells. */
import type { ComponentChildren } from 'preact';
import { checkpointShape } from '../layout/glyphs';
import { formatBytes, formatEpoch, formatInteger, formatMetric, formatTime } from '../model/format';
import { type Checkpoint, metricOf } from '../model/run';
import type { SortColumn } from '../model/rows';
import { REASON_LABEL, STATUS_LABEL } from '../model/words';
import { metricColumns, type Store } from '../state/store';
import { GlyphIcon } from './glyph';

export interface Column {
  readonly id: SortColumn;
  readonly heading: string;
  /** A CSS grid track. */
  readonly track: string;
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
  track: string,
  kind: Kind,
  cell: Column['cell'],
  descendingFirst = kind === 'number',
): Column {
  return { id, heading, track, numeric: kind === 'number', descendingFirst, cell };
}

function metricColumn(store: Store, name: string): Column {
  const descending = store.direction.value === 'max' && name === store.choice.value?.rank;
  return column(
    `metric:${name}`,
    name,
    'minmax(92px, 110px)',
    'number',
    (row) => formatMetric(metricOf(row, name)),
    descending,
  );
}

/** The columns that fit: everything on wide tables, the essentials on narrow ones. */
export function tableColumns(store: Store, narrow: boolean): Column[] {
  const status = column('status', 'Status', '92px', 'text', (row) => statusCell(store, row));
  const run = column('run', 'Run', 'minmax(96px, 160px)', 'text', (row) => runCell(store, row));
  const epoch = column('epoch', 'Epoch', '66px', 'number', (row) => formatEpoch(row.epoch));
  const step = column('step', 'Step', '80px', 'number', (row) => formatInteger(row.step));
  const saved = column('saved', 'Saved', '124px', 'number', (row) => formatTime(row.wallTime));
  const runs = store.summaries.value.length > 1 ? [run] : [];
  const metrics = metricColumns(store, narrow ? 1 : 5).map((name) => metricColumn(store, name));
  if (narrow) return [status, ...runs, epoch, ...metrics, saved];
  const size = column('size', 'Size', '76px', 'number', (row) => formatBytes(row.sizeBytes));
  const reason = column('reason', 'Reason', '96px', 'text', (row) => REASON_LABEL[row.reason]);
  const why = column('why', 'Why', 'minmax(180px, 1fr)', 'text', (row) => row.why);
  return [status, ...runs, epoch, step, saved, ...metrics, size, reason, why];
}
