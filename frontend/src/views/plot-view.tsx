/** Places a `Plot` in the page and keeps it at the size, the content and the highlight it should have. */
import { effect, type ReadonlySignal } from '@preact/signals';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { useStore } from '../state/context';
import { Plot, type PlotContent, type PlotEvents, type PlotFrame } from './plot';

interface Props {
  readonly frame: PlotFrame;
  readonly content: ReadonlySignal<PlotContent>;
  readonly height: number;
  readonly width: number;
  readonly label: string;
  readonly events: PlotEvents;
}

export function PlotView({ frame, content, height, width, label, events }: Props) {
  const { hover } = useStore();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<Plot | null>(null);

  useLayoutEffect(() => {
    if (place.current === null) return;
    const made = new Plot(place.current, frame, { width, height }, content.peek(), events);
    plot.current = made;
    const stopContent = effect(() => made.update(content.value));
    const stopHover = effect(() => made.highlight(hover.value));
    return () => {
      stopContent();
      stopHover();
      made.destroy();
    };
  }, [frame, content, events]);

  useLayoutEffect(() => plot.current?.resize(width, height), [width, height]);

  return (
    <div ref={place} class="plot" role="img" aria-label={label} style={{ height: `${height}px` }} />
  );
}
