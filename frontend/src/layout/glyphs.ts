/**
 * The shapes that carry meaning, each drawn once and used on canvases, in the table and the legend.
 *
 * Paths are for a box from −8 to 8. Colour tells only the run.
 */
import type { Status } from '../api/types';
import type { Decision } from '../model/run';

export type Shape =
  | 'star'
  | 'star-outline'
  | 'disc'
  | 'pin'
  | 'ring'
  | 'gap'
  | 'broken'
  | 'cross'
  | 'triangle'
  | 'square'
  | 'diamond'
  | 'assumed-cut'
  | 'assumed-stop';

export interface Glyph {
  readonly path: string;
  /** Filled with the run's colour, or only drawn as an outline. */
  readonly filled: boolean;
  readonly label: string;
}

const STAR = 'M0-7.2 2.1-2.5 7.1-2 3.3 1.4 4.4 6.4 0 3.8-4.4 6.4-3.3 1.4-7.1-2-2.1-2.5Z';
const CIRCLE = 'M4 0A4 4 0 1 1-4 0A4 4 0 1 1 4 0Z';

export const GLYPHS: Record<Shape, Glyph> = {
  star: { path: STAR, filled: true, label: 'best' },
  'star-outline': { path: STAR, filled: false, label: 'best by monitor' },
  disc: { path: CIRCLE, filled: true, label: 'saved' },
  pin: { path: 'M0 7-4.6-.6A5.2 5.2 0 1 1 4.6-.6Z', filled: true, label: 'pinned' },
  ring: { path: CIRCLE, filled: false, label: 'pruned' },
  gap: { path: `${CIRCLE}M-5.5 5.5 5.5-5.5`, filled: false, label: 'missing' },
  broken: { path: 'M-4.5-4.5H4.5V4.5H-4.5ZM-2-2 2 2M-2 2 2-2', filled: false, label: 'corrupt' },
  cross: { path: 'M-4-4 4 4M-4 4 4-4', filled: false, label: 'failed' },
  triangle: { path: 'M-5-3.5H5L0 5Z', filled: true, label: 'learning rate' },
  square: { path: 'M-4-4H4V4H-4Z', filled: true, label: 'stop' },
  diamond: { path: 'M0-5.5 5.5 0 0 5.5-5.5 0Z', filled: true, label: 'restore' },
  'assumed-cut': { path: 'M-5.5-4H5.5L0 5.5Z', filled: false, label: 'would cut' },
  'assumed-stop': { path: 'M-4.5-4.5H4.5V4.5H-4.5Z', filled: false, label: 'would stop' },
};

/** Reading order of the legend. */
export const SHAPES = Object.keys(GLYPHS) as Shape[];

const STATUS_SHAPE: Record<Status, Shape> = {
  saved: 'disc',
  pinned: 'pin',
  pruned: 'ring',
  missing: 'gap',
  corrupt: 'broken',
  failed: 'cross',
};

export function checkpointShape(status: Status, best: boolean, monitorBest: boolean): Shape {
  if (best) return 'star';
  return monitorBest && status === 'saved' ? 'star-outline' : STATUS_SHAPE[status];
}

/** The shape of a decision that did something; null for those that have no mark of their own. */
export function decisionShape({ topic, verdict, acted }: Decision): Shape | null {
  if (!acted) return null;
  if (topic === 'learning_rate') return 'triangle';
  // Weights that come back after a stop share its place, where the stop must stay in reach.
  if (topic === 'stop') return verdict === 'weights_restored' ? 'diamond' : 'square';
  return topic === 'restore' ? 'diamond' : null;
}
