/** Draws the grid of a plot and the texts of its axes. */
import type { Scale } from '../layout/scale';
import type { Tick } from '../layout/ticks';
import type { Tokens } from '../model/tokens';

/** Where the data is drawn inside of a canvas, in CSS px. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

export interface Axes {
  readonly x: readonly Tick[];
  readonly y: readonly Tick[];
  /** Whether the x axis has texts, and not only lines. */
  readonly labelled: boolean;
}

export const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const TICK_PX = 4;

/** A line of one pixel is sharp in the middle of it. */
const sharp = (at: number) => Math.round(at) + 0.5;

export function drawAxes(
  ctx: CanvasRenderingContext2D,
  area: Area,
  { x, y, labelled }: Axes,
  scales: { readonly x: Scale; readonly y: Scale },
  tokens: Tokens,
): void {
  const { left, top, width, height } = area;
  const bottom = top + height;
  ctx.lineWidth = 1;
  ctx.strokeStyle = tokens.grid;
  ctx.beginPath();
  for (const { at } of x) {
    const across = sharp(left + scales.x.toPixel(at));
    ctx.moveTo(across, top);
    ctx.lineTo(across, bottom + (labelled ? TICK_PX : 0));
  }
  for (const { at } of y) {
    const down = sharp(top + scales.y.toPixel(at));
    ctx.moveTo(left, down);
    ctx.lineTo(left + width, down);
  }
  ctx.stroke();
  ctx.font = `11px ${FONT}`;
  ctx.fillStyle = tokens.muted;
  ctx.textAlign = 'right';
  ctx.textBaseline = 'middle';
  for (const { at, text } of y) ctx.fillText(text, left - 8, top + scales.y.toPixel(at));
  if (!labelled) return;
  ctx.textAlign = 'center';
  ctx.textBaseline = 'top';
  for (const { at, text } of x) {
    ctx.fillText(text, left + scales.x.toPixel(at), bottom + TICK_PX + 4);
  }
}
