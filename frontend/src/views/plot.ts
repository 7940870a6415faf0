/**
 * One plot: uPlot for scales, axes, cursor and drag; curves and marks are drawn by us.
 *
 * uPlot gets no data of ours, so that runs with different x need not be joined into one table.
 * Knows nothing of runs or stores: it is told what to draw, and tells what the pointer does.
 */
import uPlot from 'uplot';
import type { DrawnCurve } from '../layout/curves';
import { decimate, visibleRows } from '../layout/lines';
import {
  crowding,
  hitMark,
  isPlain,
  type Mark,
  type PlacedMark,
  placeMarks,
} from '../layout/marks';
import type { Range } from '../layout/ranges';
import {
  COUNT_STEPS,
  countTick,
  DURATION_STEPS,
  durationTick,
  linearTicks,
  logTick,
  logTicks,
  timeTicks,
} from '../layout/ticks';
import type { Axis } from '../model/axis';
import { type Target, targetKey } from '../model/target';
import type { Tokens } from '../model/tokens';
import { drawLabel, drawMark, drawSelection } from './draw-mark';

export type YScale = 'linear' | 'log' | 'lanes';

/** What the plot is built with; another frame means another uPlot. */
export interface PlotFrame {
  readonly axis: Axis;
  readonly y: YScale;
  readonly xTicks: boolean;
  readonly gutter: number;
  readonly tokens: Tokens;
}

/** What the plot shows; may change with every poll. */
export interface PlotContent {
  readonly curves: readonly DrawnCurve[];
  readonly marks: readonly Mark[];
  readonly x: Range;
  readonly yRange: (x: Range) => Range;
  readonly selectedKey: string | null;
  /** x of thin vertical lines: where something changed. */
  readonly hairlines: readonly number[];
  /** Where a target lies, also when it has no mark of its own here. */
  readonly locate: (key: string, target: Target) => { x: number; y: number } | null;
}

export interface PlotEvents {
  hover(at: { x: number; y: number; mark: Mark | null } | null): void;
  pick(mark: Mark): void;
  zoom(x: Range): void;
  reset(): void;
}

const SYNC_KEY = 'epochline';
const PADDING_RIGHT = 14;
const X_AXIS_HEIGHT = 26;
const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

export class Plot {
  readonly #chart: uPlot;
  readonly #ring = document.createElement('div');
  readonly #frame: PlotFrame;
  readonly #events: PlotEvents;
  #content: PlotContent;
  #placed: readonly PlacedMark[] = [];
  #ringed: Target | null = null;
  #downAt = Number.NaN;

  constructor(
    parent: HTMLElement,
    frame: PlotFrame,
    size: { width: number; height: number },
    content: PlotContent,
    events: PlotEvents,
  ) {
    this.#frame = frame;
    this.#content = content;
    this.#events = events;
    this.#ring.className = 'plot-ring';
    this.#chart = new uPlot(this.#options(size), this.#limits(), parent);
    this.#chart.over.append(this.#ring);
    this.#listen(this.#chart.over);
    this.update(content);
  }

  destroy(): void {
    this.#chart.destroy();
  }

  resize(width: number, height: number): void {
    if (width !== this.#chart.width || height !== this.#chart.height) {
      this.#chart.setSize({ width, height });
    }
  }

  update(content: PlotContent): void {
    this.#content = content;
    const chart = this.#chart;
    const [xMin, xMax] = content.x;
    const [yMin, yMax] = content.yRange(content.x);
    chart.batch(() => {
      chart.setData(this.#limits(), false);
      chart.setScale('x', { min: xMin, max: xMax });
      chart.setScale('y', { min: yMin, max: yMax });
    });
  }

  /** Rings the target, or nothing. */
  highlight(target: Target | null): void {
    this.#ringed = target;
    this.#placeRing();
  }

  #placeRing(): void {
    const target = this.#ringed;
    const at = target && this.#content.locate(targetKey(target), target);
    const left = at ? this.#chart.valToPos(at.x, 'x') : Number.NaN;
    const top = at ? this.#chart.valToPos(at.y, 'y') : Number.NaN;
    const inside =
      left >= 0 && left <= this.#chart.bbox.width / uPlot.pxRatio && Number.isFinite(top);
    this.#ring.style.display = inside ? 'block' : 'none';
    if (inside) this.#ring.style.transform = `translate(${left}px,${top}px)`;
  }

  /** Two points at the limits of x: all that uPlot itself needs to know. */
  #limits(): uPlot.AlignedData {
    return [[...this.#content.x], [null, null]];
  }

  #options(size: { width: number; height: number }): uPlot.Options {
    const { axis, y, tokens } = this.#frame;
    const keep = (_: uPlot, min: number | null, max: number | null): uPlot.Range.MinMax => [
      min ?? 0.1,
      max ?? 1,
    ];
    return {
      ...size,
      legend: { show: false },
      padding:
        y === 'lanes'
          ? [0, PADDING_RIGHT, 0, this.#frame.gutter]
          : [8, PADDING_RIGHT, this.#frame.xTicks ? 0 : 4, 0],
      scales: {
        x: { time: axis === 'wall', range: keep },
        y: {
          auto: false,
          range: keep,
          distr: y === 'log' ? 3 : 1,
          dir: y === 'lanes' ? -1 : 1,
        },
      },
      axes: [this.#xAxis(tokens), this.#yAxis(tokens)],
      series: [{}, { scale: 'y' }],
      cursor: {
        y: false,
        points: { show: false },
        drag: { x: true, y: false, setScale: false, dist: 5 },
        sync: { key: SYNC_KEY, setSeries: false, scales: ['x', null] },
        bind: {
          dblclick: () => () => {
            this.#events.reset();
            return null;
          },
        },
      },
      hooks: {
        // The ring lies over the canvas: it follows when the scales or the size change.
        draw: [() => this.#draw(), () => this.#placeRing()],
        setCursor: [() => this.#moved()],
        setSelect: [() => this.#selected()],
      },
    };
  }

  #xAxis(tokens: Tokens): uPlot.Axis {
    const { axis, xTicks } = this.#frame;
    const common: uPlot.Axis = {
      show: true,
      size: xTicks ? X_AXIS_HEIGHT : 0,
      stroke: tokens.muted,
      font: FONT,
      gap: 4,
      grid: { stroke: tokens.grid, width: 1 },
      ticks: { show: xTicks, stroke: tokens.line, width: 1, size: 4 },
      space: 64,
    };
    if (!xTicks) common.values = (_, splits) => splits.map(() => '');
    else if (axis === 'wall') common.values = (_, splits, __, ___, step) => timeTicks(splits, step);
    else if (axis === 'relative') common.values = (_, splits) => splits.map(durationTick);
    else {
      common.values = (_, splits) =>
        splits.map((value) => (value === null ? '' : countTick(value)));
    }
    // Epochs are counted from one: there is no epoch 0 to label.
    if (axis === 'epoch') {
      common.filter = (_, splits) => splits.map((value) => (value < 1 ? null : value));
    }
    if (axis === 'relative') common.incrs = DURATION_STEPS;
    else if (axis !== 'wall') common.incrs = COUNT_STEPS;
    return common;
  }

  #yAxis(tokens: Tokens): uPlot.Axis {
    const { y, gutter } = this.#frame;
    if (y === 'lanes') return { show: false };
    const common: uPlot.Axis = {
      size: gutter,
      stroke: tokens.muted,
      font: FONT,
      gap: 6,
      space: 30,
      grid: { stroke: tokens.grid, width: 1 },
      ticks: { show: false },
    };
    if (y === 'linear') return { ...common, values: (_, splits) => linearTicks(splits) };
    return {
      ...common,
      splits: (_, __, min, max) => logTicks(min, max),
      filter: (_, splits) => splits,
      values: (_, splits) => splits.map((value) => (value === null ? '' : logTick(value))),
    };
  }

  #listen(over: HTMLElement): void {
    over.addEventListener('mousedown', (event) => {
      this.#downAt = event.clientX;
    });
    over.addEventListener('click', (event) => {
      if (Math.abs(event.clientX - this.#downAt) > 4) return;
      const hit = this.#hit();
      if (hit !== null) this.#events.pick(hit.mark);
    });
    over.addEventListener('mouseleave', () => this.#events.hover(null));
  }

  #hit(): PlacedMark | null {
    const { left = -1, top = -1 } = this.#chart.cursor;
    return hitMark(this.#placed, left, top);
  }

  #moved(): void {
    const { left = -1, top = -1, event } = this.#chart.cursor;
    // Synced plots move along without an event of their own.
    if (!event || left < 0 || top < 0) return;
    const hit = this.#hit();
    this.#chart.over.style.cursor = hit === null ? '' : 'pointer';
    this.#events.hover({
      x: this.#chart.posToVal(left, 'x'),
      y: this.#chart.posToVal(top, 'y'),
      mark: hit?.mark ?? null,
    });
  }

  #selected(): void {
    const { left, width } = this.#chart.select;
    if (width <= 0) return;
    const from = this.#chart.posToVal(left, 'x');
    const to = this.#chart.posToVal(left + width, 'x');
    this.#chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    if (this.#chart.cursor.event) this.#events.zoom([from, to]);
  }

  #draw(): void {
    const { ctx, bbox } = this.#chart;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    // Marks at the edge may stick out into the padding, curves may not.
    ctx.rect(
      bbox.left,
      bbox.top - 8 * ratio,
      bbox.width + PADDING_RIGHT * ratio,
      bbox.height + 12 * ratio,
    );
    ctx.clip();
    this.#drawHairlines(ctx, bbox, ratio);
    ctx.save();
    ctx.beginPath();
    ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
    ctx.clip();
    for (const curve of this.#content.curves) this.#drawCurve(ctx, curve, ratio);
    ctx.restore();
    this.#drawMarks(ctx, bbox, ratio);
    ctx.restore();
  }

  #drawHairlines(ctx: CanvasRenderingContext2D, bbox: uPlot.BBox, ratio: number): void {
    ctx.strokeStyle = this.#frame.tokens.edge;
    ctx.globalAlpha = 0.6;
    ctx.lineWidth = ratio;
    ctx.setLineDash([2 * ratio, 3 * ratio]);
    ctx.beginPath();
    for (const x of this.#content.hairlines) {
      const left = Math.round(this.#chart.valToPos(x, 'x', true)) + 0.5;
      if (left < bbox.left || left > bbox.left + bbox.width) continue;
      ctx.moveTo(left, bbox.top);
      ctx.lineTo(left, bbox.top + bbox.height);
    }
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
  }

  #drawCurve(ctx: CanvasRenderingContext2D, curve: DrawnCurve, ratio: number): void {
    const chart = this.#chart;
    const [min, max] = this.#content.x;
    const { xs, ys, pieces, stepped } = curve;
    const toX = (x: number) => chart.valToPos(x, 'x', true);
    const log = this.#frame.y === 'log';
    ctx.globalAlpha = curve.alpha;
    ctx.strokeStyle = ctx.fillStyle = curve.color;
    ctx.lineWidth = curve.width * ratio;
    ctx.lineJoin = 'round';
    ctx.setLineDash(curve.dashed ? [5 * ratio, 3 * ratio] : []);
    ctx.beginPath();
    for (const piece of pieces) {
      const [from, to] = visibleRows(xs, piece.from, piece.to, min, max);
      let length = 0;
      let lastX = 0;
      let lastY = 0;
      const end = () => {
        // A point without neighbours has no line: it is drawn as a dot.
        if (length === 1) ctx.rect(lastX - ratio, lastY - ratio, 2 * ratio, 2 * ratio);
        length = 0;
      };
      const point = (i: number) => {
        const value = Number(ys[i]);
        if (log && value <= 0) return end();
        const x = toX(Number(xs[i]));
        const y = chart.valToPos(value, 'y', true);
        if (length++ === 0) ctx.moveTo(x, y);
        else {
          if (stepped) ctx.lineTo(lastX, y);
          ctx.lineTo(x, y);
        }
        lastX = x;
        lastY = y;
      };
      decimate(xs, ys, from, to, (x) => Math.round(toX(x)), point, end);
      end();
    }
    ctx.stroke();
    ctx.globalAlpha = 1;
    ctx.setLineDash([]);
  }

  #drawMarks(ctx: CanvasRenderingContext2D, bbox: uPlot.BBox, ratio: number): void {
    const { marks, selectedKey } = this.#content;
    this.#placed = placeMarks(
      marks,
      (x) => this.#chart.valToPos(x, 'x'),
      (y) => this.#chart.valToPos(y, 'y'),
      { width: bbox.width / ratio, height: bbox.height / ratio },
      selectedKey,
    );
    const { tokens } = this.#frame;
    const crowd = crowding(marks, this.#content.x, bbox.width / ratio);
    for (const { mark, left, top } of this.#placed) {
      const { shape, color, strong, label, labelBelow } = mark;
      const x = bbox.left + left * ratio;
      const y = bbox.top + top * ratio;
      if (mark.key === selectedKey) drawSelection(ctx, x, y, strong ? 14 : 11, ratio, tokens);
      const size = strong ? 1.25 : isPlain(mark) ? 0.85 * crowd : 0.85;
      drawMark(ctx, { shape, color, size, ratio, tokens }, x, y);
      if (label === undefined) continue;
      const limits = {
        left: bbox.left,
        right: bbox.left + bbox.width,
        top: bbox.top,
        bottom: bbox.top + bbox.height,
      };
      drawLabel(ctx, label, { x, y, below: labelBelow ?? false }, limits, ratio, tokens);
    }
  }
}
