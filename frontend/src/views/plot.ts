/**
 * One plot: axes and curves at rest, curves that grow, the curves in focus, marks, each on a layer of
 * its own, one above the other, and above them what follows the pointer.
 *
 * Knows nothing of runs or stores: it is told what to draw, and tells what the pointer does. Pointing
 * draws nothing anew but the curves in focus and the crosshair. News of one run draw nothing anew of the
 * others.
 */
import type { DrawnCurve } from '../layout/curves';
import {
  crowding,
  hitMark,
  isPlain,
  type Mark,
  type PlacedMark,
  placeMarks,
} from '../layout/marks';
import type { Range } from '../layout/ranges';
import { linearScale, logScale, type Scale } from '../layout/scale';
import { xTicks, yTicks } from '../layout/ticks';
import type { Axis } from '../model/axis';
import { type Target, targetKey } from '../model/target';
import type { Tokens } from '../model/tokens';
import { type Area, drawAxes } from './draw-axes';
import { drawCurve } from './draw-curve';
import { drawLabel, drawMark, drawSelection } from './draw-mark';
import { Layer, Screen, type Size } from './layer';
import { watchPointer } from './plot-pointer';

export type YScale = 'linear' | 'log' | 'lanes';

/** How the plot looks whatever it shows. */
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
  readonly y: Range;
  readonly selectedKey: string | null;
  /** What other settings would have changed: where nothing comes any more, and where it is another. */
  readonly assumed: {
    readonly end: number | null;
    readonly differs: number | null;
    /** Whether all that comes later would not be there. */
    readonly alone: boolean;
  } | null;
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

const PADDING_RIGHT = 14;
const X_AXIS_HEIGHT = 26;
/** Marks at the edge may stick out of the area, curves may not. */
const OVERHANG = 8;

function element(className: string): HTMLElement {
  const made = document.createElement('div');
  made.className = className;
  return made;
}

function areaOf({ y, xTicks, gutter }: PlotFrame, { width, height }: Size): Area {
  const top = y === 'lanes' ? 0 : OVERHANG;
  const below = xTicks ? X_AXIS_HEIGHT : y === 'lanes' ? 0 : 4;
  return {
    left: gutter,
    top,
    width: Math.max(1, width - gutter - PADDING_RIGHT),
    height: Math.max(1, height - top - below),
  };
}

export class Plot {
  readonly #base = new Layer('plot-base');
  readonly #growing = new Layer('plot-growing');
  readonly #front = new Layer('plot-focus');
  readonly #marks = new Layer('plot-marks');
  readonly #screen: Screen;
  readonly #over = element('plot-over');
  readonly #brush = element('plot-brush');
  readonly #ring = element('plot-ring');
  readonly #frame: PlotFrame;
  readonly #events: PlotEvents;
  #size: Size;
  #content: PlotContent;
  /** The curves of the content before. */
  #before: ReadonlySet<DrawnCurve> = new Set();
  /** The curves that are drawn on the base. */
  #resting: readonly DrawnCurve[] = [];
  #focused: readonly DrawnCurve[] = [];
  #placed: readonly PlacedMark[] = [];
  #ringed: Target | null = null;
  #pointed: number | null = null;
  #due = false;

  constructor(
    parent: HTMLElement,
    frame: PlotFrame,
    size: Size,
    content: PlotContent,
    events: PlotEvents,
  ) {
    this.#frame = frame;
    this.#size = size;
    this.#content = content;
    this.#events = events;
    this.#over.append(this.#brush, this.#ring);
    const layers = [this.#base, this.#growing, this.#front, this.#marks];
    this.#screen = new Screen('plot-screen', layers);
    const canvases = [...layers, this.#screen].map(({ canvas }) => canvas);
    parent.replaceChildren(...canvases, this.#over);
    this.#listen();
    this.#draw();
  }

  resize(size: Size): void {
    if (size.width === this.#size.width && size.height === this.#size.height) return;
    this.#size = size;
    this.#drawSoon();
  }

  update(content: PlotContent): void {
    if (content === this.#content) return;
    this.#content = content;
    this.#drawSoon();
  }

  /** Draws these curves over the others. */
  focus(curves: readonly DrawnCurve[]): void {
    if (curves.length === 0 && this.#focused.length === 0) return;
    this.#focused = curves;
    if (!this.#due && this.#drawFocus()) this.#screen.show(this.#size);
  }

  /** Rings the target, or nothing. */
  highlight(target: Target | null): void {
    this.#ringed = target;
    if (!this.#due) this.#placeRing();
  }

  /** Moves the crosshair to an x, or away. */
  point(x: number | null): void {
    this.#pointed = x;
    if (!this.#due) this.#drawCrosshair();
  }

  get #area(): Area {
    return areaOf(this.#frame, this.#size);
  }

  get #scaleX(): Scale {
    return linearScale(this.#content.x, 0, this.#area.width);
  }

  get #scaleY(): Scale {
    const { height } = this.#area;
    const { y } = this.#content;
    if (this.#frame.y === 'lanes') return linearScale(y, 0, height);
    return this.#frame.y === 'log' ? logScale(y, height, 0) : linearScale(y, height, 0);
  }

  #placeRing(): void {
    const target = this.#ringed;
    const at = target && this.#content.locate(targetKey(target), target);
    const left = at ? this.#scaleX.toPixel(at.x) : Number.NaN;
    const top = at ? this.#scaleY.toPixel(at.y) : Number.NaN;
    const inside = left >= 0 && left <= this.#area.width && Number.isFinite(top);
    this.#ring.hidden = !inside;
    if (inside) this.#ring.style.transform = `translate(${left}px,${top}px)`;
  }

  #drawCrosshair(): void {
    const { left, top, width, height } = this.#area;
    const x = this.#pointed === null ? -1 : Math.round(this.#scaleX.toPixel(this.#pointed));
    const color = this.#frame.tokens.edge;
    this.#screen.rule(x >= 0 && x <= width ? { left: left + x, top, height, color } : null);
  }

  #listen(): void {
    const toX = (left: number) => this.#scaleX.toValue(left);
    const hit = (left: number, top: number) => hitMark(this.#placed, left, top)?.mark ?? null;
    watchPointer(this.#over, {
      move: (left, top) => {
        const mark = hit(left, top);
        this.#over.classList.toggle('pickable', mark !== null);
        this.#events.hover({ x: toX(left), y: this.#scaleY.toValue(top), mark });
      },
      leave: () => this.#events.hover(null),
      click: (left, top) => {
        const mark = hit(left, top);
        if (mark !== null) this.#events.pick(mark);
      },
      brush: (limits) => {
        this.#brush.hidden = limits === null;
        if (limits === null) return;
        this.#brush.style.left = `${limits[0]}px`;
        this.#brush.style.width = `${limits[1] - limits[0]}px`;
      },
      brushed: (from, to) => this.#events.zoom([toX(from), toX(to)]),
      doubleClick: () => this.#events.reset(),
    });
    this.#brush.hidden = true;
  }

  /** Several changes in one go are drawn once. */
  #drawSoon(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => this.#draw());
  }

  /** What every layer depends on. */
  get #view(): readonly unknown[] {
    return [...this.#content.x, ...this.#content.y];
  }

  #draw(): void {
    this.#due = false;
    const area = this.#area;
    for (const side of ['left', 'top', 'width', 'height'] as const) {
      this.#over.style[side] = `${area[side]}px`;
    }
    const drawn = [this.#drawBase(), this.#drawFocus(), this.#drawMarks()];
    if (drawn.includes(true)) this.#screen.show(this.#size);
    this.#placeRing();
    this.#drawCrosshair();
  }

  /** Curves that grow move above those at rest, which then stay as they are. */
  #drawBase(): boolean {
    const { curves, hairlines } = this.#content;
    const present = new Set(curves);
    const unchanged = curves.filter((curve) => this.#before.has(curve));
    if (this.#before.size === 0) {
      this.#resting = curves;
    } else if (
      !this.#resting.every((curve) => present.has(curve)) ||
      unchanged.length > 2 * this.#resting.length
    ) {
      this.#resting = unchanged;
    }
    this.#before = present;
    const resting = new Set(this.#resting);
    const growing = curves.filter((curve) => !resting.has(curve));
    const atRest = this.#base.draw(
      this.#size,
      this.#view,
      [this.#frame, ...hairlines, ...this.#resting],
      (ctx) => {
        this.#paintAxes(ctx);
        this.#paintHairlines(ctx);
        this.#paintCurves(ctx, this.#resting);
      },
    );
    const moving = this.#growing.draw(this.#size, this.#view, growing, (ctx) =>
      this.#paintCurves(ctx, growing),
    );
    return atRest || moving;
  }

  #drawFocus(): boolean {
    if (this.#frame.y === 'lanes') return false;
    return this.#front.draw(this.#size, this.#view, this.#focused, (ctx) =>
      this.#paintCurves(ctx, this.#focused, this.#frame.tokens.bg),
    );
  }

  #drawMarks(): boolean {
    const { marks, selectedKey, assumed } = this.#content;
    const area = this.#area;
    this.#placed = placeMarks(marks, this.#scaleX.toPixel, this.#scaleY.toPixel, area, selectedKey);
    const shown = this.#placed.map(({ mark }) => mark);
    const items = [...Object.values(assumed ?? {}), ...shown];
    return this.#marks.draw(this.#size, [...this.#view, selectedKey], items, (ctx) => {
      this.#paintAssumed(ctx);
      this.#paintMarks(ctx);
    });
  }

  #paintAxes(ctx: CanvasRenderingContext2D): void {
    const { axis, y, xTicks: labelled, tokens } = this.#frame;
    const area = this.#area;
    const axes = {
      x: xTicks(axis, this.#content.x, area.width),
      y: y === 'lanes' ? [] : yTicks(y === 'log', this.#content.y, area.height),
      labelled,
    };
    drawAxes(ctx, area, axes, { x: this.#scaleX, y: this.#scaleY }, tokens);
  }

  /** Draws with the area's upper left corner as origin, and nothing further than `overhang` outside. */
  #inside(ctx: CanvasRenderingContext2D, overhang: number, paint: () => void): void {
    const { left, top, width, height } = this.#area;
    ctx.save();
    ctx.translate(left, top);
    ctx.beginPath();
    ctx.rect(0, -overhang, width + (overhang && PADDING_RIGHT), height + 1.5 * overhang);
    ctx.clip();
    paint();
    ctx.restore();
  }

  #paintHairlines(ctx: CanvasRenderingContext2D): void {
    const { toPixel } = this.#scaleX;
    this.#inside(ctx, 0, () => {
      ctx.strokeStyle = this.#frame.tokens.edge;
      ctx.globalAlpha = 0.6;
      ctx.lineWidth = 1;
      ctx.setLineDash([2, 3]);
      ctx.beginPath();
      for (const x of this.#content.hairlines) {
        const left = Math.round(toPixel(x)) + 0.5;
        ctx.moveTo(left, 0);
        ctx.lineTo(left, this.#area.height);
      }
      ctx.stroke();
    });
  }

  #paintAssumed(ctx: CanvasRenderingContext2D): void {
    if (this.#content.assumed === null) return;
    const { end, differs, alone } = this.#content.assumed;
    const { tokens } = this.#frame;
    const { width, height } = this.#area;
    this.#inside(ctx, 0, () => {
      ctx.strokeStyle = tokens.accent;
      ctx.fillStyle = tokens.bg;
      ctx.lineWidth = 1.5;
      for (const [x, dash] of [
        [differs, [5, 4]],
        [end, []],
      ] as const) {
        if (x === null) continue;
        const left = Math.round(this.#scaleX.toPixel(x)) + 0.5;
        ctx.globalAlpha = 0.65;
        if (x === end && alone) ctx.fillRect(left, 0, width - left, height);
        ctx.globalAlpha = 1;
        ctx.setLineDash([...dash]);
        ctx.beginPath();
        ctx.moveTo(left, 0);
        ctx.lineTo(left, height);
        ctx.stroke();
      }
    });
  }

  #paintCurves(ctx: CanvasRenderingContext2D, curves: readonly DrawnCurve[], halo?: string): void {
    const scales = {
      x: this.#scaleX,
      y: this.#scaleY,
      limits: this.#content.x,
      ratio: window.devicePixelRatio,
    };
    this.#inside(ctx, 0, () => {
      for (const curve of curves) drawCurve(ctx, curve, scales, halo);
    });
  }

  #paintMarks(ctx: CanvasRenderingContext2D): void {
    const { selectedKey, assumed } = this.#content;
    const end = (assumed?.alone ? assumed.end : null) ?? Number.POSITIVE_INFINITY;
    const area = this.#area;
    const { tokens } = this.#frame;
    const crowd = crowding(this.#placed, area.width);
    this.#inside(ctx, OVERHANG, () => {
      for (const { mark, left, top } of this.#placed) {
        const { shape, color, strong, faded, label, labelBelow } = mark;
        if (mark.key === selectedKey) drawSelection(ctx, left, top, strong ? 14 : 11, tokens);
        const size = strong ? 1.25 : isPlain(mark) ? 0.85 * crowd : 0.85;
        ctx.globalAlpha = faded || mark.x > end ? 0.45 : 1;
        drawMark(ctx, { shape, color, size, ratio: window.devicePixelRatio, tokens }, left, top);
        ctx.globalAlpha = 1;
        if (label === undefined) continue;
        drawLabel(ctx, label, { x: left, y: top, below: labelBelow ?? false }, area, tokens);
      }
    });
  }
}
