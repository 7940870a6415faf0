/** What a pointer does over a plot: points, clicks, or drags a part of the axis out. In px of the element. */

export interface PointerEvents {
  move(left: number, top: number): void;
  leave(): void;
  click(left: number, top: number): void;
  /** While dragging, and null when it is over or was given up. */
  brush(limits: readonly [number, number] | null): void;
  brushed(from: number, to: number): void;
  doubleClick(): void;
}

/** Less than this is a click that trembled. */
const DRAG_PX = 5;

export function watchPointer(element: HTMLElement, events: PointerEvents): void {
  let down: number | null = null;
  let dragging = false;
  const leftOf = ({ clientX }: MouseEvent) => clientX - element.getBoundingClientRect().left;
  const topOf = ({ clientY }: MouseEvent) => clientY - element.getBoundingClientRect().top;
  const limits = (left: number): [number, number] => {
    const inside = Math.min(element.clientWidth, Math.max(0, left));
    return [Math.min(inside, down ?? inside), Math.max(inside, down ?? inside)];
  };
  const giveUp = () => {
    down = null;
    dragging = false;
    events.brush(null);
  };

  element.addEventListener('pointerdown', (event) => {
    if (!event.isPrimary || event.button !== 0) return;
    down = leftOf(event);
    dragging = false;
  });
  element.addEventListener('pointermove', (event) => {
    if (!event.isPrimary) return;
    const left = leftOf(event);
    events.move(left, topOf(event));
    if (down === null) return;
    if (!dragging && Math.abs(left - down) < DRAG_PX) return;
    // Captured only now: a plain click must reach what it was meant for.
    if (!dragging) element.setPointerCapture(event.pointerId);
    dragging = true;
    events.brush(limits(left));
  });
  element.addEventListener('pointerup', (event) => {
    const left = leftOf(event);
    const [from, to] = limits(left);
    if (dragging) events.brushed(from, to);
    else if (down !== null) events.click(left, topOf(event));
    giveUp();
  });
  element.addEventListener('pointercancel', giveUp);
  element.addEventListener('pointerleave', () => events.leave());
  element.addEventListener('dblclick', () => events.doubleClick());
}
