/** One line above the charts: what the pointer is at, in words, and what the shapes mean. */
import type { ReadonlySignal } from '@preact/signals';
import { useStore } from '../state/context';
import { describePointer, describeTarget } from './describe';
import { Legend } from './legend';

export interface Pointer {
  readonly plot: 'metric' | 'learning-rate' | 'lanes';
  readonly x: number;
  readonly y: number;
}

export function Readout({ pointer }: { pointer: ReadonlySignal<Pointer | null> }) {
  return (
    <div class="readout">
      <ReadoutText pointer={pointer} />
      <Legend />
    </div>
  );
}

function ReadoutText({ pointer }: { pointer: ReadonlySignal<Pointer | null> }) {
  const store = useStore();
  const target = store.hover.value;
  const at = pointer.value;
  const text = target ? describeTarget(store, target) : at ? describePointer(store, at) : '';
  if (text !== '') {
    return (
      <p class="readout-text" title={text}>
        <bdi>{text}</bdi>
      </p>
    );
  }
  return (
    <p class="readout-text muted">
      Point at a curve or marker. Drag to zoom, double-click to reset.
    </p>
  );
}
