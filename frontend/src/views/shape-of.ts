/** The shape of a checkpoint by what the panel shows: the star is by the metric that was chosen. */
import { checkpointShape, type Shape } from '../layout/glyphs';
import type { Checkpoint } from '../model/run';
import type { Store } from '../state/store';

export function shapeOf({ bestKeys, monitorKeys }: Store, { key, status }: Checkpoint): Shape {
  return checkpointShape(status, bestKeys.value.has(key), monitorKeys.value.has(key));
}
