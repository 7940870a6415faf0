/** Draws marks on a canvas: run colour inside, foreground outline, so that pale colours stay visible. */
import { GLYPHS, type Shape } from '../layout/glyphs';
import type { Tokens } from '../model/tokens';
import { FONT } from './draw-axes';

export interface MarkStyle {
  readonly shape: Shape;
  readonly color: string;
  /** 1 is a box of 16 px. */
  readonly size: number;
  /** Canvas pixels per CSS pixel. */
  readonly ratio: number;
  readonly tokens: Tokens;
}

/** Side of a picture in CSS px: room for the largest glyph with its halo. */
const SIDE = 34;

/** Drawing 10,000 shapes takes a second, copying 10,000 small pictures a few milliseconds. */
const pictures = new Map<string, HTMLCanvasElement>();

function paint(picture: HTMLCanvasElement, { shape, color, size, ratio, tokens }: MarkStyle): void {
  const ctx = picture.getContext('2d');
  if (ctx === null) return;
  const { path, filled } = GLYPHS[shape];
  const outline = new Path2D(path);
  ctx.translate(picture.width / 2, picture.height / 2);
  ctx.scale(ratio * size, ratio * size);
  ctx.lineJoin = 'round';
  // A halo in the colour of the page sets the mark off from the curve.
  ctx.strokeStyle = tokens.bg;
  ctx.lineWidth = 3.5;
  ctx.stroke(outline);
  ctx.fillStyle = filled ? color : tokens.bg;
  if (shape !== 'cross') ctx.fill(outline);
  ctx.strokeStyle = filled ? tokens.fg : shape === 'cross' ? tokens.bad : color;
  ctx.lineWidth = filled ? 1 : 2;
  ctx.stroke(outline);
}

function pictureOf(style: MarkStyle): HTMLCanvasElement {
  const { shape, color, size, ratio, tokens } = style;
  const key = `${shape} ${color} ${size} ${ratio} ${tokens.bg}`;
  let picture = pictures.get(key);
  if (picture === undefined) {
    picture = document.createElement('canvas');
    picture.width = picture.height = Math.ceil(SIDE * ratio);
    paint(picture, style);
    pictures.set(key, picture);
  }
  return picture;
}

export function drawMark(
  ctx: CanvasRenderingContext2D,
  style: MarkStyle,
  x: number,
  y: number,
): void {
  ctx.drawImage(pictureOf(style), x - SIDE / 2, y - SIDE / 2, SIDE, SIDE);
}

/** The disc behind a selected mark. */
export function drawSelection(
  ctx: CanvasRenderingContext2D,
  x: number,
  y: number,
  radius: number,
  tokens: Tokens,
): void {
  ctx.beginPath();
  ctx.arc(x, y, radius, 0, 2 * Math.PI);
  ctx.fillStyle = tokens.selected;
  ctx.fill();
  ctx.strokeStyle = tokens.accent;
  ctx.lineWidth = 2;
  ctx.stroke();
}

/** Writes the mark's label beside it, inside of an area that begins at 0, 0. */
export function drawLabel(
  ctx: CanvasRenderingContext2D,
  text: string,
  at: { x: number; y: number; below: boolean },
  area: { width: number; height: number },
  tokens: Tokens,
): void {
  ctx.save();
  ctx.font = `600 11.5px ${FONT}`;
  ctx.textAlign = 'center';
  const half = ctx.measureText(text).width / 2 + 4;
  const x = Math.min(Math.max(at.x, half), area.width - half);
  const above = at.y - 15;
  const below = at.y + 24;
  // A label may stick out of the area as far as a mark may.
  const isBelow = at.below ? below < area.height : above < 2;
  const y = isBelow ? below : above;
  ctx.lineJoin = 'round';
  ctx.lineWidth = 4;
  ctx.strokeStyle = tokens.bg;
  ctx.strokeText(text, x, y);
  ctx.fillStyle = tokens.fg;
  ctx.fillText(text, x, y);
  ctx.restore();
}
