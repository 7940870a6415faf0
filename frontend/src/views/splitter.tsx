/** The edge between charts and table: dragged, or moved with the arrow keys. */
import type { Signal } from '@preact/signals';
import { useRef } from 'preact/hooks';

const STEP = 32;
export const LEAST_TABLE = 180;

/** `height` is that of the table in px. */
export function Splitter({ height }: { height: Signal<number> }) {
  const start = useRef<{ y: number; height: number } | null>(null);
  const most = () => Math.max(LEAST_TABLE, window.innerHeight - 240);
  const set = (next: number) => {
    height.value = Math.round(Math.min(most(), Math.max(LEAST_TABLE, next)));
  };
  return (
    <div
      class="splitter"
      role="separator"
      aria-orientation="horizontal"
      aria-label="Height of the table"
      aria-valuemin={LEAST_TABLE}
      aria-valuemax={most()}
      aria-valuenow={height.value}
      tabIndex={0}
      onKeyDown={(event) => {
        const step = { ArrowUp: STEP, ArrowDown: -STEP }[event.key];
        if (step === undefined) return;
        set(height.value + step);
        event.preventDefault();
      }}
      onPointerDown={(event) => {
        event.currentTarget.setPointerCapture(event.pointerId);
        start.current = { y: event.clientY, height: height.value };
      }}
      onPointerMove={(event) => {
        if (start.current) set(start.current.height + start.current.y - event.clientY);
      }}
      onPointerUp={() => {
        start.current = null;
      }}
    />
  );
}
