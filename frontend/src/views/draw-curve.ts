/** Draws a curve on a canvas, with no more points than its pixels can show. */
import type { DrawnCurve } from '../layout/curves';
import { decimate, visibleRows } from '../layout/lines';
import type { Range } from '../layout/ranges';
import type { Scale } from '../layout/scale';

export interface CurveScales {
  readonly x: Scale;
  readonly y: Scale;
  /** Limits of x in view. */
  readonly limits: Range;
  /** Canvas pixels per CSS pixel. */
  readonly ratio: number;
}

/** Adds the curve to a path. A point without neighbours has no line: it becomes a dot. */
function trace(path: Path2D, curve: DrawnCurve, scales: CurveScales): void {
  const { xs, ys, pieces, stepped, width } = curve;
  const { toPixel } = scales.x;
  const { ratio } = scales;
  let length = 0;
  let lastX = 0;
  let lastY = 0;
  const end = () => {
    if (length === 1) path.rect(lastX - width / 2, lastY - width / 2, width, width);
    length = 0;
  };
  const point = (row: number) => {
    const x = toPixel(Number(xs[row]));
    const y = scales.y.toPixel(Number(ys[row]));
    // What a log scale cannot show breaks the line.
    if (!Number.isFinite(y)) return end();
    if (length++ === 0) path.moveTo(x, y);
    else {
      if (stepped) path.lineTo(lastX, y);
      path.lineTo(x, y);
    }
    lastX = x;
    lastY = y;
  };
  const column = (x: number) => Math.round(ratio * toPixel(x));
  for (const { from, to, after } of pieces) {
    const [first, last] = visibleRows(xs, from, to, ...scales.limits);
    if (first === from && after !== null) point(after);
    decimate(xs, ys, first, last, column, point, end);
    end();
  }
}

interface Traced {
  readonly where: string;
  readonly pieces: DrawnCurve['pieces'];
  readonly path: Path2D;
}

/** The last path of each series: of a hundred runs mostly one has news. */
const traced = new WeakMap<Float64Array, Traced>();

function pathOf(curve: DrawnCurve, scales: CurveScales): Path2D {
  const { x, y, ratio } = scales;
  const { ys, pieces, stepped, width } = curve;
  // Two points tell a linear scale, and a logarithmic one.
  const places = [x.toPixel(0), x.toPixel(1), y.toPixel(1), y.toPixel(2), ...scales.limits];
  const where = [...places, ratio, stepped, width].join(' ');
  const last = traced.get(ys);
  if (last?.where === where && last.pieces === pieces) return last.path;
  const path = new Path2D();
  trace(path, curve, scales);
  traced.set(ys, { where, pieces, path });
  return path;
}

/** `halo` is the colour of the page, for a curve that must stand out from those behind it. */
export function drawCurve(
  ctx: CanvasRenderingContext2D,
  curve: DrawnCurve,
  scales: CurveScales,
  halo?: string,
): void {
  ctx.lineJoin = 'round';
  ctx.setLineDash(curve.dashed ? [5, 3] : []);
  const path = pathOf(curve, scales);
  if (halo !== undefined) {
    ctx.strokeStyle = halo;
    ctx.globalAlpha = 0.8 * curve.alpha;
    ctx.lineWidth = curve.width + 3;
    ctx.stroke(path);
  }
  ctx.strokeStyle = curve.color;
  ctx.globalAlpha = curve.alpha;
  ctx.lineWidth = curve.width;
  ctx.stroke(path);
  ctx.globalAlpha = 1;
  ctx.setLineDash([]);
}
