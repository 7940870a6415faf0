/** Moving from mark to mark with the arrow keys: along a lane, or to the nearest one of the next lane. */
import type { Mark } from './marks';

export type Walk = 'ArrowLeft' | 'ArrowRight' | 'ArrowUp' | 'ArrowDown' | 'Home' | 'End';

export const WALKS: readonly string[] = [
  'ArrowLeft',
  'ArrowRight',
  'ArrowUp',
  'ArrowDown',
  'Home',
  'End',
];

/** The marks of each lane from left to right. */
export function lanesOf(marks: readonly Mark[]): Mark[][] {
  const lanes = new Map<string, Mark[]>();
  for (const mark of marks) {
    const lane = lanes.get(mark.target.run);
    if (lane === undefined) lanes.set(mark.target.run, [mark]);
    else lane.push(mark);
  }
  return [...lanes.values()].map((lane) => lane.sort((a, b) => a.x - b.x));
}

function nearest(lane: readonly Mark[], x: number): Mark | undefined {
  let found = lane[0];
  for (const mark of lane) {
    if (Math.abs(mark.x - x) < Math.abs(Number(found?.x) - x)) found = mark;
  }
  return found;
}

/** Where the key leads from `from`; from nowhere every key leads to the last mark of the first lane. */
export function walk(lanes: readonly Mark[][], from: string | null, key: Walk): Mark | null {
  const laneIndex = lanes.findIndex((lane) => lane.some((mark) => mark.key === from));
  const lane = lanes[laneIndex];
  if (lane === undefined) return lanes[0]?.at(-1) ?? null;
  const index = lane.findIndex((mark) => mark.key === from);
  const here = lane[index];
  if (here === undefined) return null;
  switch (key) {
    case 'ArrowLeft':
      return lane[Math.max(0, index - 1)] ?? here;
    case 'ArrowRight':
      return lane[Math.min(lane.length - 1, index + 1)] ?? here;
    case 'Home':
      return lane[0] ?? here;
    case 'End':
      return lane.at(-1) ?? here;
    default: {
      const next = lanes[laneIndex + (key === 'ArrowDown' ? 1 : -1)];
      return (next && nearest(next, here.x)) ?? here;
    }
  }
}
