/** Keys of the charts: arrows walk from mark to mark; what is reached is said once the walk pauses. */
import type { ReadonlySignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { lanesOf, WALKS, type Walk, walk } from '../layout/walk';
import { type Target, targetKey } from '../model/target';
import type { Store } from '../state/store';
import { describeTarget } from './describe';
import type { PlotContent } from './plot';

const SAY_AFTER_MS = 250;

export function useWalk(store: Store, lanes: ReadonlySignal<PlotContent>) {
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const say = (target: Target) => {
    clearTimeout(timer.current);
    timer.current = setTimeout(() => {
      store.announcement.value = describeTarget(store, target);
    }, SAY_AFTER_MS);
  };
  return (event: KeyboardEvent) => {
    const { hover, link } = store;
    if (event.key === '0') store.change({ zoom: null });
    else if (event.key === 'Enter' && hover.value !== null)
      store.change({ selection: hover.value });
    else if (event.key === 'Escape') hover.value = null;
    else if (WALKS.includes(event.key)) {
      const from = hover.value ?? link.value.selection;
      const next = walk(lanesOf(lanes.value.marks), from && targetKey(from), event.key as Walk);
      hover.value = next?.target ?? null;
      if (next !== null) say(next.target);
    } else return;
    event.preventDefault();
  };
}
