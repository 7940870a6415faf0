/** A canvas that is drawn anew only when something that it shows has changed. */
import { equalLists } from '../model/equal';

export interface Size {
  readonly width: number;
  readonly height: number;
}

export class Layer {
  readonly canvas = document.createElement('canvas');
  #shown: readonly unknown[] = [];

  constructor(className: string) {
    this.canvas.className = className;
  }

  /**
   * Calls `paint` with the emptied canvas, one unit of which is a CSS px, unless size and `shown` are
   * those of last time.
   */
  draw(
    { width, height }: Size,
    shown: readonly unknown[],
    paint: (ctx: CanvasRenderingContext2D) => void,
  ): void {
    const ratio = window.devicePixelRatio;
    const all = [width, height, ratio, ...shown];
    if (equalLists(all, this.#shown)) return;
    this.#shown = all;
    const { canvas } = this;
    const [columns, rows] = [Math.round(width * ratio), Math.round(height * ratio)];
    if (canvas.width !== columns || canvas.height !== rows) {
      canvas.width = columns;
      canvas.height = rows;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    const ctx = canvas.getContext('2d');
    if (ctx === null) return;
    ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
    ctx.clearRect(0, 0, width, height);
    paint(ctx);
  }
}
