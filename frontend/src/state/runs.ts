/** Which runs are shown, in which colour, and what of them is compared. */
import { computed, type ReadonlySignal, type Signal } from '@preact/signals';
import type { Direction, RunSummary, Runs } from '../api/types';
import type { ShownRun } from '../layout/marks';
import { bestCheckpoint, monitorBest } from '../model/best';
import type { LinkState } from '../model/deep-link';
import { equalMaps, equalRecords, equalSets } from '../model/equal';
import { latest, memo } from '../model/memo';
import { defaultMetric, knownDirection, type MetricChoice, metricChoices } from '../model/metrics';
import { toNumber } from '../model/num';
import { runColor, type Theme } from '../model/palette';
import { type Checkpoint, metricOf, type RunModel } from '../model/run';
import { isShown } from '../model/run-filter';
import { stable } from './stable';

export interface RunSignals {
  readonly summaries: ReadonlySignal<readonly RunSummary[]>;
  readonly shownModels: ReadonlySignal<readonly RunModel[]>;
  readonly choices: ReadonlySignal<readonly MetricChoice[]>;
  readonly choice: ReadonlySignal<MetricChoice | null>;
  readonly direction: ReadonlySignal<Direction>;
  readonly shownRuns: ReadonlySignal<readonly ShownRun[]>;
  /** The best checkpoint of each run, by the metric shown. */
  readonly bestKeys: ReadonlySignal<ReadonlySet<string>>;
  /** The same, by the run's own monitor. */
  readonly monitorKeys: ReadonlySignal<ReadonlySet<string>>;
  color(run: string): string;
  /** Which end of a metric is best: as chosen for the one shown, else as Keras knows. */
  directionOf(metric: string): Direction;
  /** The best value of a metric among the shown checkpoints that can be restored; NaN without any. */
  bestValue(metric: string): number;
}

const asShown = latest(
  (model: RunModel, color: string, best: Checkpoint | null, stitched: boolean): ShownRun => ({
    model,
    color,
    best,
    stitched,
  }),
);

function bestValueOf(models: readonly RunModel[], metric: string, direction: Direction): number {
  const values = models.flatMap((model) => {
    const best = bestCheckpoint(model, metric, direction);
    return best === null ? [] : [toNumber(metricOf(best, metric))];
  });
  if (values.length === 0) return Number.NaN;
  return direction === 'min' ? Math.min(...values) : Math.max(...values);
}

function keysOf(checkpoints: readonly (Checkpoint | null)[]): ReadonlySet<string> {
  return new Set(
    checkpoints.flatMap((checkpoint) => (checkpoint === null ? [] : [checkpoint.key])),
  );
}

export function runSignals(
  runs: Signal<Runs | null>,
  models: Signal<ReadonlyMap<string, RunModel>>,
  link: Signal<LinkState>,
  theme: Signal<Theme>,
): RunSignals {
  // Parts of the link, each of them stable while another part changes.
  const filter = computed(() => link.value.runs);
  const metricKey = computed(() => link.value.metric);
  const stitched = computed(() => link.value.stitched);
  const chosenDirection = computed(() => link.value.direction);

  const summaries = computed(() => runs.value?.runs ?? []);
  const colorIndex = stable(
    () => new Map(summaries.value.map(({ run, color_index }) => [run, color_index])),
    equalMaps,
  );
  const color = (run: string) => runColor(colorIndex.value.get(run) ?? 0, theme.value);
  const shownModels = computed(() =>
    summaries.value
      .filter(({ run }) => isShown(filter.value, run))
      .map(({ run }) => models.value.get(run))
      .filter((model) => model !== undefined),
  );
  const choices = stable(() => metricChoices(shownModels.value), equalRecords);
  const choice = computed(
    () =>
      choices.value.find(({ key }) => key === metricKey.value) ??
      defaultMetric(choices.value, shownModels.value),
  );
  const direction = computed<Direction>(() => {
    const known = choice.value && knownDirection(choice.value.rank, shownModels.value);
    return chosenDirection.value ?? known ?? 'min';
  });
  const shownRuns = computed(() =>
    shownModels.value.map((model) => {
      const rank = choice.value?.rank;
      const best = rank === undefined ? null : bestCheckpoint(model, rank, direction.value);
      return asShown(model, color(model.name), best, stitched.value);
    }),
  );
  const directions = computed(() => {
    const shown = shownModels.value;
    const rank = choice.value?.rank;
    const chosen = direction.value;
    return (metric: string) =>
      metric === rank ? chosen : (knownDirection(metric, shown) ?? 'min');
  });
  const bestValues = computed(() => {
    const shown = shownModels.value;
    const directionOf = directions.value;
    return memo((metric: string) => bestValueOf(shown, metric, directionOf(metric)));
  });
  return {
    summaries,
    shownModels,
    choices,
    choice,
    direction,
    shownRuns,
    bestKeys: stable(() => keysOf(shownRuns.value.map(({ best }) => best)), equalSets),
    monitorKeys: stable(() => keysOf(shownModels.value.map(monitorBest)), equalSets),
    color,
    directionOf: (metric) => directions.value(metric),
    bestValue: (metric) => bestValues.value(metric),
  };
}

/** The metrics that checkpoints have, as columns: the shown ones first, then those that rank others. */
export function metricNames({ choice, choices, shownModels }: RunSignals): string[] {
  const shown = choice.value;
  const others = choices.value.filter((item) => item !== shown);
  const names = new Set([
    ...(shown === null ? [] : [shown.rank, shown.validation, shown.train]),
    ...others.map(({ rank }) => rank),
    ...others.map(({ train }) => train),
    ...shownModels.value.flatMap(({ timeline }) => Object.keys(timeline.checkpoints.metrics)),
  ]);
  const used = (name: string) =>
    shownModels.value.some(({ timeline }) =>
      timeline.checkpoints.metrics[name]?.some((value) => value !== null),
    );
  return [...names]
    .filter((name) => name !== null)
    .filter((name) => name === shown?.rank || used(name));
}
