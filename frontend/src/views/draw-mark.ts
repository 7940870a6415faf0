/** Draws one mark on a canvas: run colour inside, foreground outline, so that pale colours stay visible. */
import { GLYPHS } from '../layout/glyphs';
import type { Mark } from '../layout/marks';
import type { Tokens } from '../model/tokens';

const paths = new Map<string, Path2D>();

function pathOf(mark: Mark): Path2D {
  const { path } = GLYPHS[mark.shape];
  let made = paths.get(path);
  if (made === undefined) {
    made = new Path2D(path);
    paths.set(path, made);
  }
  return made;
}

export function drawMark(
  ctx: CanvasRenderingContext2D,
  mark: Mark,
  x: number,
  y: number,
  ratio: number,
  size: number,
  selected: boolean,
  tokens: Tokens,
): void {
  const { filled } = GLYPHS[mark.shape];
  const path = pathOf(mark);
  const scale = ratio * size * (selected ? 1.2 : 1);
  ctx.save();
  ctx.translate(x, y);
  if (selected) {
    ctx.beginPath();
    ctx.arc(0, 0, (mark.strong ? 14 : 11) * ratio, 0, 2 * Math.PI);
    ctx.fillStyle = tokens.selected;
    ctx.fill();
    ctx.strokeStyle = tokens.accent;
    ctx.lineWidth = 2 * ratio;
    ctx.stroke();
  }
  ctx.scale(scale, scale);
  ctx.lineJoin = 'round';
  // A halo in the colour of the page sets the mark off from the curve.
  ctx.strokeStyle = tokens.bg;
  ctx.lineWidth = 3.5;
  ctx.stroke(path);
  ctx.fillStyle = filled ? mark.color : tokens.bg;
  if (mark.shape !== 'cross') ctx.fill(path);
  ctx.strokeStyle = filled ? tokens.fg : mark.shape === 'cross' ? tokens.bad : mark.color;
  ctx.lineWidth = filled ? 1 : 2;
  ctx.stroke(path);
  ctx.restore();
}

/** Writes the mark's label beside it, inside of [left, right]. */
export function drawLabel(
  ctx: CanvasRenderingContext2D,
  text: string,
  at: { x: number; y: number; below: boolean },
  limits: { left: number; right: number; top: number; bottom: number },
  ratio: number,
  tokens: Tokens,
): void {
  ctx.save();
  ctx.font = `600 ${11.5 * ratio}px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif`;
  ctx.textAlign = 'center';
  const half = ctx.measureText(text).width / 2 + 4 * ratio;
  const x = Math.min(Math.max(at.x, limits.left + half), limits.right - half);
  const above = at.y - 15 * ratio;
  const below = at.y + 24 * ratio;
  const isBelow = at.below ? below < limits.bottom : above - 12 * ratio < limits.top;
  const y = isBelow ? below : above;
  ctx.lineJoin = 'round';
  ctx.lineWidth = 4 * ratio;
  ctx.strokeStyle = tokens.bg;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = tokens.fg;
  ctx.fillText(text, x, y);
  ctx.restore();
}
