/** Choosing the best checkpoint: only among those that can be restored, never by a missing value. */
import type { Direction, Status } from '../api/types';
import { latest, memo } from './memo';
import { toNumber } from './num';
import { type Checkpoint, metricOf, type RunModel } from './run';

/** Whether the weights of a checkpoint with this status are there. */
export function isRestorable(status: Status): boolean {
  return status === 'saved' || status === 'pinned';
}

function findBest(run: RunModel, metric: string, direction: Direction): Checkpoint | null {
  const sign = direction === 'min' ? 1 : -1;
  let best: Checkpoint | null = null;
  let record = Number.POSITIVE_INFINITY;
  for (const checkpoint of run.checkpoints) {
    if (!isRestorable(checkpoint.status)) continue;
    const value = sign * toNumber(metricOf(checkpoint, metric));
    if (value <= record) {
      best = checkpoint;
      record = value;
    }
  }
  return best;
}

const bestsOf = latest((run: RunModel) => ({
  min: memo((metric: string) => findBest(run, metric, 'min')),
  max: memo((metric: string) => findBest(run, metric, 'max')),
}));

/** The restorable checkpoint with the best value; of equals the later one, which was trained longer. */
export function bestCheckpoint(
  run: RunModel,
  metric: string,
  direction: Direction,
): Checkpoint | null {
  return bestsOf(run)[direction](metric);
}

/** The best checkpoint by the callback's own monitor, as the server determined it. */
export function monitorBest(run: RunModel): Checkpoint | null {
  const { best } = run.timeline;
  return best === null ? null : (run.checkpointById.get(best) ?? null);
}
