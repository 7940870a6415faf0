/** One line above the charts: what the pointer is at, in words, and what the shapes mean. */
import { useStore } from '../state/context';
import { describeNearest, describeTarget } from './describe';
import { Legend } from './legend';

export function Readout() {
  return (
    <div class="readout">
      <ReadoutText />
      <Legend />
    </div>
  );
}

function ReadoutText() {
  const store = useStore();
  const target = store.hover.value;
  const text = target ? describeTarget(store, target) : describeNearest(store);
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
