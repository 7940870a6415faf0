/**
 * Which metrics there are to look at: a training metric and its validation partner are one choice.
 */
import type { Direction } from '../api/types';
import type { RunModel } from './run';

const VALIDATION = 'val_';
/** Names under which Keras reports the learning rate; it has a chart of its own. */
const LEARNING_RATES = ['learning_rate', 'lr'];

export interface MetricChoice {
  /** The name without `val_`; names the choice in the link. */
  readonly key: string;
  readonly train: string | null;
  readonly validation: string | null;
  /** The metric by which checkpoints are compared: validation where there is one. */
  readonly rank: string;
}

function choice(key: string, names: ReadonlySet<string>): MetricChoice {
  const train = names.has(key) ? key : null;
  const validation = names.has(VALIDATION + key) ? VALIDATION + key : null;
  return { key, train, validation, rank: validation ?? key };
}

function baseName(metric: string): string {
  return metric.startsWith(VALIDATION) ? metric.slice(VALIDATION.length) : metric;
}

export function isLearningRate(metric: string): boolean {
  return LEARNING_RATES.includes(metric);
}

/** All choices of the runs, in the order in which Keras reports them. */
export function metricChoices(runs: readonly RunModel[]): MetricChoice[] {
  const names = new Set<string>();
  for (const { timeline } of runs) {
    for (const name of Object.keys(timeline.history.metrics)) names.add(name);
    for (const name of Object.keys(timeline.checkpoints.metrics)) names.add(name);
  }
  for (const name of LEARNING_RATES) names.delete(name);
  const keys = new Set([...names].map(baseName));
  return [...keys].map((key) => choice(key, names));
}

/** The choice to start with: what the first run with a monitor is ranked by, else the first. */
export function defaultMetric(
  choices: readonly MetricChoice[],
  runs: readonly RunModel[],
): MetricChoice | null {
  const monitor = runs.find(({ timeline }) => timeline.monitor !== null)?.timeline.monitor;
  const key = monitor ? baseName(monitor) : 'loss';
  return choices.find((item) => item.key === key) ?? choices[0] ?? null;
}

export function metricLabel({ key, train, validation }: MetricChoice): string {
  return train === null && validation !== null ? validation : key;
}

/** Whether lower or higher is better, as Keras told the runs; null when none of them knows. */
export function knownDirection(metric: string, runs: readonly RunModel[]): Direction | null {
  for (const { timeline } of runs) {
    const direction = timeline.directions[metric];
    if (direction !== undefined) return direction;
  }
  return null;
}

/** The learning rate of every history row, or null when the run did not record it. */
export function learningRates(run: RunModel): Float64Array | null {
  for (const name of LEARNING_RATES) {
    const values = run.series(name);
    if (values !== null) return values;
  }
  return null;
}
