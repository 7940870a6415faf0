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
   * Calls `paint` with the emptied canvas, one unit of which is a CSS px, unless size, `view` and `items`
   * are those of last time.
   *
   * Without items it is hidden: browsers work for every canvas in each frame.
   */
  draw(
    { width, height }: Size,
    view: readonly unknown[],
    items: readonly unknown[],
    paint: (ctx: CanvasRenderingContext2D) => void,
  ): void {
    const ratio = window.devicePixelRatio;
    const all = [width, height, ratio, ...view, ...items];
    if (equalLists(all, this.#shown)) return;
    this.#shown = all;
    const { canvas } = this;
    canvas.hidden = items.length === 0;
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
