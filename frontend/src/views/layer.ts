/** Canvases: layers that are drawn anew only when something on them has changed, and what is seen of them. */
import { equalLists } from '../model/equal';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** A vertical line, in CSS px. */
export interface Rule {
  readonly left: number;
  readonly top: number;
  readonly height: number;
  readonly color: string;
}

function fit(canvas: HTMLCanvasElement, { width, height }: Size): void {
  const ratio = window.devicePixelRatio;
  const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
  if (canvas.width === columns && canvas.height === rows) return;
  canvas.width = columns;
  canvas.height = rows;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
}

export class Layer {
  readonly canvas = document.createElement('canvas');
  #shown: readonly unknown[] = [];
  #empty = true;

  constructor(className: string) {
    this.canvas.className = className;
    this.canvas.hidden = true;
  }

  get empty(): boolean {
    return this.#empty;
  }

  /**
   * Calls `paint` with the emptied canvas, one unit of which is a CSS px, unless size, `view` and `items`
   * are those of last time; returns whether it did.
   */
  draw(
    size: Size,
    view: readonly unknown[],
    items: readonly unknown[],
    paint: (ctx: CanvasRenderingContext2D) => void,
  ): boolean {
    const ratio = window.devicePixelRatio;
    const all = [size.width, size.height, ratio, ...view, ...items];
    if (equalLists(all, this.#shown)) return false;
    this.#shown = all;
    this.#empty = items.length === 0;
    fit(this.canvas, size);
    const ctx = this.canvas.getContext('2d');
    if (ctx === null) return false;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, size.width, size.height);
    paint(ctx);
    return true;
  }
}

/**
 * Layers as one picture, and a rule over it.
 *
 * The only canvas that is seen: browsers work for each of those in every frame, also where nothing
 * happens, and an element that moves over it would be more work than all the rest.
 */
export class Screen {
  readonly canvas = document.createElement('canvas');
  readonly #layers: readonly Layer[];
  #rule: Rule | null = null;

  constructor(className: string, layers: readonly Layer[]) {
    this.canvas.className = className;
    this.#layers = layers;
  }

  /** Shows the layers as they are now. */
  show(size: Size): void {
    fit(this.canvas, size);
    this.#copy(0, this.canvas.width);
    this.#paintRule();
  }

  /** Draws a rule in place of the one before, or none. */
  rule(next: Rule | null): void {
    if (this.#rule !== null) this.#copy(...this.#columns(this.#rule));
    this.#rule = next;
    this.#paintRule();
  }

  /** First column of canvas pixels, and how many. */
  #columns({ left }: Rule): [number, number] {
    const ratio = window.devicePixelRatio;
    return [Math.round(left * ratio), Math.max(1, Math.round(ratio))];
  }

  #copy(left: number, width: number): void {
    const { height } = this.canvas;
    const ctx = this.canvas.getContext('2d');
    if (ctx === null) return;
    ctx.clearRect(left, 0, width, height);
    for (const { canvas, empty } of this.#layers) {
      if (!empty) ctx.drawImage(canvas, left, 0, width, height, left, 0, width, height);
    }
  }

  #paintRule(): void {
    const ctx = this.canvas.getContext('2d');
    if (ctx === null || this.#rule === null) return;
    const { top, height, color } = this.#rule;
    const [left, width] = this.#columns(this.#rule);
    const ratio = window.devicePixelRatio;
    ctx.fillStyle = color;
    ctx.fillRect(left, Math.round(top * ratio), width, Math.round(height * ratio));
  }
}
