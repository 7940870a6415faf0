/** The columns of the table: heading and cells. Which there are is decided in `model/columns.ts`. */
import type { ComponentChildren } from 'preact';
import { fitRun, fitText } from '../host/fit-text';
import { checkpointShape } from '../layout/glyphs';
import { type ColumnId, columnWidth, metricOfColumn } from '../model/columns';
import {
  formatBytes,
  formatDelta,
  formatEpoch,
  formatInteger,
  formatLearningRate,
  formatMetric,
  formatTime,
} from '../model/format';
import { isLearningRate } from '../model/metrics';
import { toNumber } from '../model/num';
import { type Checkpoint, metricOf } from '../model/run';
import { COLUMN_LABEL, REASON_LABEL, STATUS_LABEL } from '../model/words';
import type { Store } from '../state/store';
import { GlyphIcon } from './glyph';
import { MarkBox } from './mark-box';

export interface Column {
  readonly id: ColumnId | 'mark';
  readonly heading: string;
  readonly numeric: boolean;
  /** The first click sorts in this direction. */
  readonly descendingFirst: boolean;
  /** In px. */
  readonly width: number;
  /** The whole text of a cell that may be shortened. */
  readonly full?: (row: Checkpoint) => string;
  readonly cell: (row: Checkpoint) => ComponentChildren;
}

type Kind = Omit<Column, 'id' | 'heading' | 'width'>;

export const MARK_WIDTH = 32;
const CELL_PADDING = 16;
/** With the gap behind it. */
const SWATCH = 17;

function text(width: number, full: (row: Checkpoint) => string): Kind {
  const cell = (row: Checkpoint) => fitText(full(row), width - CELL_PADDING);
  return { numeric: false, descendingFirst: false, cell, full };
}

function number(cell: (row: Checkpoint) => string, descendingFirst = true): Kind {
  return { numeric: true, descendingFirst, cell };
}

function statusCell(store: Store, row: Checkpoint): ComponentChildren {
  const best = store.bestKeys.value.has(row.key);
  const own = store.monitorKeys.value.has(row.key);
  return (
    <>
      <GlyphIcon shape={checkpointShape(row.status, best, own)} color={store.color(row.run)} />
      {best ? 'Best' : STATUS_LABEL[row.status]}
    </>
  );
}

function runKind(store: Store, width: number): Kind {
  const forText = width - CELL_PADDING - SWATCH;
  return {
    ...text(width, (row) => row.run),
    cell: (row) => (
      <>
        <span class="swatch" style={{ background: store.color(row.run) }} />
        <bdi>{fitRun(row.run, forText)}</bdi>
      </>
    ),
  };
}

function metricKind(store: Store, id: ColumnId, metric: string): Kind {
  const value = (row: Checkpoint) => metricOf(row, metric);
  if (id.startsWith('delta:')) {
    return number((row) => formatDelta(toNumber(value(row)) - store.bestValue(metric)), false);
  }
  const format = isLearningRate(metric) ? formatLearningRate : formatMetric;
  return number((row) => format(value(row)), store.directionOf(metric) === 'max');
}

function kindOf(store: Store, id: ColumnId, width: number): Kind {
  const metric = metricOfColumn(id);
  if (metric !== null) return metricKind(store, id, metric);
  switch (id) {
    case 'status':
      return { numeric: false, descendingFirst: false, cell: (row) => statusCell(store, row) };
    case 'run':
      return runKind(store, width);
    case 'epoch':
      return number((row) => formatEpoch(row.epoch));
    case 'step':
      return number((row) => formatInteger(row.step));
    case 'saved':
      return number((row) => formatTime(row.wallTime));
    case 'size':
      return number((row) => formatBytes(row.sizeBytes));
    case 'reason':
      return text(width, (row) => REASON_LABEL[row.reason]);
    case 'tags':
      return text(width, (row) => row.tags.join(', '));
    case 'note':
      return text(width, (row) => row.note);
    case 'file':
      return text(width, (row) => row.name);
    case 'id':
      return text(width, (row) => row.id);
    default:
      return text(width, (row) => row.why);
  }
}

/** What is written above a column, and beside its box in the menu. */
export function columnLabel(id: ColumnId): string {
  const metric = metricOfColumn(id);
  if (metric === null) return COLUMN_LABEL[id as keyof typeof COLUMN_LABEL];
  return id.startsWith('delta:') ? `Δ ${metric}` : metric;
}

const MARK: Column = {
  id: 'mark',
  heading: 'Mark',
  numeric: false,
  descendingFirst: false,
  width: MARK_WIDTH,
  cell: (row) => <MarkBox row={row} />,
};

/** The columns, as wide as they are at least; what is left of `width` goes to the one that says why. */
export function tableOf(store: Store, ids: readonly ColumnId[], width: number): Column[] {
  const least = ids.reduce((sum, id) => sum + columnWidth(id), 0);
  const grows = ids.includes('why') ? 'why' : ids.at(-1);
  const columns: Column[] = ids.map((id) => {
    const own = columnWidth(id) + (id === grows ? Math.max(0, width - least) : 0);
    return { id, heading: columnLabel(id), width: own, ...kindOf(store, id, own) };
  });
  return [MARK, ...columns];
}
