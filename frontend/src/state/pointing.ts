/** What is pointed at, in charts, table and lists, and which run is in focus by that. */
import { computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { type NearestPoint, nearestPoint } from '../layout/curves';
import type { LinkState } from '../model/deep-link';
import { learningRates } from '../model/metrics';
import type { RunModel } from '../model/run';
import type { Target } from '../model/target';
import type { RunSignals } from './runs';

/** Where the pointer is, in units of the data. */
export interface Pointer {
  readonly plot: 'metric' | 'learning-rate' | 'lanes';
  readonly x: number;
  readonly y: number;
}

export interface PointingSignals {
  readonly hover: Signal<Target | null>;
  readonly pointer: Signal<Pointer | null>;
  /** The run that is pointed at in a list of runs. */
  readonly pointedRun: Signal<string | null>;
  /** The row of a run's history whose value is nearest to the pointer. */
  readonly nearest: ReadonlySignal<NearestPoint | null>;
  /** The run that is pointed at anywhere, else that of the selection. */
  readonly focusedRun: ReadonlySignal<string | null>;
}

export function pointingSignals(
  link: Signal<LinkState>,
  { choice, shownModels, shownRuns }: Pick<RunSignals, 'choice' | 'shownModels' | 'shownRuns'>,
): PointingSignals {
  const hover = signal<Target | null>(null);
  const pointer = signal<Pointer | null>(null);
  const pointedRun = signal<string | null>(null);

  const nearest = computed(() => {
    const at = pointer.value;
    if (at === null || at.plot === 'lanes') return null;
    const { axis, logScale, smoothing } = link.value;
    const isRate = at.plot === 'learning-rate';
    const seriesOf = (model: RunModel): (Float64Array | null)[] => {
      if (isRate) return [learningRates(model)];
      const names = [choice.value?.validation, choice.value?.train];
      return names.map((name) => (name ? model.smoothed(name, smoothing) : null));
    };
    return nearestPoint(shownRuns.value, axis, seriesOf, at, logScale || isRate);
  });
  const pointedLane = computed(() => {
    const at = pointer.value;
    return at?.plot === 'lanes' ? shownModels.value[Math.round(at.y)]?.name : undefined;
  });
  return {
    hover,
    pointer,
    pointedRun,
    nearest,
    focusedRun: computed(
      () =>
        hover.value?.run ??
        pointedRun.value ??
        nearest.value?.run.model.name ??
        pointedLane.value ??
        link.value.selection?.run ??
        null,
    ),
  };
}
