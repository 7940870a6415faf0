/** Places a `Plot` in the page and keeps it at the size, the content and the pointer it should have. */
import { effect } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useStore } from '../state/context';
import type { PlotSignals } from './chart-content';
import { Plot, type PlotEvents, type PlotFrame } from './plot';

interface Props {
  readonly frame: PlotFrame;
  readonly signals: PlotSignals;
  readonly height: number;
  readonly width: number;
  readonly label: string;
  readonly events: PlotEvents;
}

export function PlotView({ frame, signals, height, width, label, events }: Props) {
  const { hover, pointer } = useStore();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);

  useLayoutEffect(() => {
    if (place.current === null) return;
    const { content, focus } = signals;
    const made = new Plot(place.current, frame, { width, height }, content.peek(), events);
    plot.current = made;
    const stops = [
      effect(() => made.update(content.value)),
      effect(() => made.focus(focus.value)),
      effect(() => made.highlight(hover.value)),
      effect(() => made.point(pointer.value?.x ?? null)),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [frame, signals.content, signals.focus, events]);

  useLayoutEffect(() => plot.current?.resize({ width, height }), [width, height]);

  return (
    <div ref={place} class="plot" role="img" aria-label={label} style={{ height: `${height}px` }} />
  );
}
