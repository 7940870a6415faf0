/**
 * Shortens texts to a width by measuring them.
 *
 * The browser's own way, `overflow: hidden` with an ellipsis, makes a clip of every cell, and the
 * compositor goes through all of them on every frame: with a hundred of them that is most of a frame.
 */

/** As `body` in base.css; its numbers are a little wider than measured here. */
const FONT_FAMILY =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
const MARGIN_PX = 4;
/** Rows that are scrolled away may come back; more than this is forgotten. */
const KEPT = 4_000;

const LATIN = /^[\x20-\x7e]*$/;

const fitted = new Map<string, string>();
let context: CanvasRenderingContext2D | null | undefined;

function measurer(fontPx: number): (text: string) => number {
  context ??= document.createElement('canvas').getContext('2d');
  if (context === null) return () => 0;
  context.font = `${fontPx}px ${FONT_FAMILY}`;
  const { measureText } = context;
  return (text) => measureText.call(context, text).width;
}

function shorten(text: string, width: number, fontPx: number): string {
  // No Latin letter is wider than it is high.
  if (LATIN.test(text) && text.length * fontPx <= width) return text;
  const widthOf = measurer(fontPx);
  if (widthOf(text) <= width) return text;
  // By characters as people see them, so that no emoji or accent is cut in two.
  const letters = Array.from(
    new Intl.Segmenter().segment(text.slice(0, 500)),
    ({ segment }) => segment,
  );
  let low = 0;
  let high = letters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (widthOf(`${letters.slice(0, middle).join('')}…`) <= width) low = middle;
    else high = middle - 1;
  }
  return `${letters.slice(0, low).join('').trimEnd()}…`;
}

/** The text, or as much of its beginning as fits into `width` px, with an ellipsis. */
export function fitText(text: string, width: number, fontPx = 13): string {
  const key = `${fontPx} ${width} ${text}`;
  let found = fitted.get(key);
  if (found === undefined) {
    found = shorten(text, width - MARGIN_PX, fontPx);
    if (fitted.size >= KEPT) fitted.clear();
    fitted.set(key, found);
  }
  return found;
}

/** The name of a run; where it does not fit, its end tells it from those in the same folder. */
export function fitRun(name: string, width: number, fontPx = 13): string {
  const fitting = fitText(name, width, fontPx);
  const folder = name.lastIndexOf('/');
  if (fitting === name || folder < 0) return fitting;
  return fitText(`…${name.slice(folder)}`, width, fontPx);
}
