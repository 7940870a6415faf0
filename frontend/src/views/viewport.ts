/** The size of the page, for what CSS alone cannot lay out. A hidden page keeps its last size. */
import { type ReadonlySignal, signal } from '@preact/signals';

export interface Viewport {
  readonly width: number;
  readonly height: number;
}

const NARROW = 900;

const size = signal<Viewport>({ width: window.innerWidth, height: window.innerHeight });

window.addEventListener('resize', () => {
  const { innerWidth: width, innerHeight: height } = window;
  if (height > 0) size.value = { width, height };
});

export const viewport: ReadonlySignal<Viewport> = size;

export function isNarrow({ width }: Viewport): boolean {
  return width <= NARROW;
}
