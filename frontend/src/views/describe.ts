/** What is under the pointer or reached by a key, in words. */
import type { Range } from '../layout/ranges';
import type { Axis } from '../model/axis';
import {
  formatDuration,
  formatEpoch,
  formatInteger,
  formatLearningRate,
  formatMetric,
  formatTime,
  plural,
} from '../model/format';
import { learningRates, metricLabel } from '../model/metrics';
import { metricOf } from '../model/run';
import type { Target } from '../model/target';
import { STATUS_LABEL } from '../model/words';
import type { Store } from '../state/store';

export function describeTarget(store: Store, target: Target): string {
  const model = store.models.value.get(target.run);
  if (target.kind === 'decision') {
    const decision = model?.decisions[target.index];
    if (decision === undefined) return '';
    return `${target.run} · epoch ${formatEpoch(decision.epoch)} · ${decision.sentence}`;
  }
  const row = model?.checkpointById.get(target.id);
  if (row === undefined) return '';
  const rank = store.choice.value?.rank;
  const value = rank ? ` · ${rank} ${formatMetric(metricOf(row, rank))}` : '';
  const best = store.bestKeys.value.has(row.key) ? 'Best · ' : '';
  const where = `${target.run} · epoch ${formatEpoch(row.epoch)}${value}`;
  return `${where} · ${best}${STATUS_LABEL[row.status]} · ${row.why}`;
}

/** The row of a history that the pointer is nearest to. */
export function describeNearest(store: Store): string {
  const found = store.nearest.value;
  if (found === null) return '';
  const { run, row } = found;
  const { name, timeline, smoothed } = run.model;
  const { history } = timeline;
  const isRate = store.pointer.value?.plot === 'learning-rate';
  const { smoothing } = store.link.value;
  const choice = store.choice.value;
  const shown = isRate ? [] : [choice?.validation, choice?.train];
  const values = shown
    .filter((metric) => typeof metric === 'string')
    .filter((metric) => history.metrics[metric] !== undefined)
    .map((metric) => {
      const text = `${metric} ${formatMetric(history.metrics[metric]?.[row])}`;
      if (smoothing === 0) return text;
      return `${text} (smoothed ${formatMetric(smoothed(metric, smoothing)?.[row])})`;
    });
  const rate = learningRates(run.model)?.[row];
  const rateText =
    rate === undefined
      ? []
      : [`learning rate ${formatLearningRate(Number.isNaN(rate) ? null : rate)}`];
  const epoch = `epoch ${formatEpoch(history.epoch[row] ?? 0)}`;
  const step = `step ${formatInteger(history.step[row] ?? 0)}`;
  return [name, epoch, step, ...values, ...rateText].join(' · ');
}

/** The part of the axis that is in view: `Epochs 12–30`. */
export function zoomLabel(axis: Axis, [from, to]: Range): string {
  if (axis === 'wall') return `${formatTime(from)} – ${formatTime(to)}`;
  if (axis === 'relative') return `${formatDuration(from)} – ${formatDuration(to)}`;
  const [first, last] = [Math.ceil(Math.max(0, from)), Math.floor(to)];
  const numbers = `${formatInteger(first)}–${formatInteger(last)}`;
  const name = axis === 'epoch' ? 'epoch' : 'step';
  if (first > last) return `Inside of ${name} ${formatInteger(first)}`;
  return first === last
    ? `${name === 'epoch' ? 'Epoch' : 'Step'} ${formatInteger(first)}`
    : `${name === 'epoch' ? 'Epochs' : 'Steps'} ${numbers}`;
}

/** The metric chart in one sentence, for those who do not see it. */
export function chartSentence(store: Store): string {
  const choice = store.choice.value;
  const runs = store.shownRuns.value;
  if (choice === null || runs.length === 0) return 'No curves: no run is shown.';
  const sign = store.direction.value === 'min' ? 1 : -1;
  const start = `${metricLabel(choice)} of ${plural(runs.length, 'run')}`;
  const best = runs
    .flatMap(({ best }) => (best === null ? [] : [best]))
    .sort(
      (a, b) => sign * (Number(metricOf(a, choice.rank)) - Number(metricOf(b, choice.rank))),
    )[0];
  if (best === undefined) return `${start}. No checkpoint can be restored.`;
  const value = formatMetric(metricOf(best, choice.rank));
  return `${start}. Best checkpoint by ${choice.rank}: ${value}, epoch ${formatEpoch(best.epoch)} of ${best.run}.`;
}
