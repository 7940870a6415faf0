/** What is under the pointer or reached by a key, in words. */
import { nearestPoint } from '../layout/curves';
import {
  formatEpoch,
  formatInteger,
  formatLearningRate,
  formatMetric,
  plural,
} from '../model/format';
import { learningRates, metricLabel } from '../model/metrics';
import { metricOf } from '../model/run';
import type { Target } from '../model/target';
import { STATUS_LABEL } from '../model/words';
import type { Store } from '../state/store';
import type { Pointer } from './readout';

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

export function describePointer(store: Store, pointer: Pointer): string {
  if (pointer.plot === 'lanes') return '';
  const choice = store.choice.value;
  const { axis, logScale } = store.link.value;
  const isRate = pointer.plot === 'learning-rate';
  const names = isRate ? ['learning_rate', 'lr'] : [choice?.validation, choice?.train];
  const metrics = names.filter((name) => typeof name === 'string');
  const log = isRate || logScale;
  const found = nearestPoint(store.shownRuns.value, axis, metrics, pointer, log);
  if (found === null) return '';
  const { model } = found.run;
  const { history } = model.timeline;
  const values = metrics
    .filter((metric) => history.metrics[metric] !== undefined)
    .map((metric) => `${metric} ${formatMetric(history.metrics[metric]?.[found.row])}`);
  const rate = learningRates(model)?.[found.row];
  const rateText =
    rate === undefined
      ? []
      : [`learning rate ${formatLearningRate(Number.isNaN(rate) ? null : rate)}`];
  const epoch = `epoch ${formatEpoch(history.epoch[found.row] ?? 0)}`;
  const step = `step ${formatInteger(history.step[found.row] ?? 0)}`;
  return [model.name, epoch, step, ...(isRate ? [] : values), ...rateText].join(' · ');
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
