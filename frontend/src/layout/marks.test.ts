import { describe, expect, test } from 'vitest';
import { bestCheckpoint } from '../model/best';
import { buildRun } from '../model/run';
import { checkpoints, decisions, timeline } from '../testing/builders';
import {
  crowding,
  curveMarks,
  hitMark,
  laneMarks,
  learningRateMarks,
  type Mark,
  placeMarks,
  type ShownRun,
} from './marks';

function shown(part: Parameters<typeof timeline>[0] = {}): ShownRun {
  const model = buildRun(timeline(part));
  const best = bestCheckpoint(model, 'val_loss', 'min');
  return { model, color: '#123456', best, stitched: false };
}

const STATUSES = checkpoints([
  { id: 'pruned', epoch: 0, status: 'pruned', metrics: { val_loss: 0.1 } },
  { id: 'failed', epoch: 1, status: 'failed', metrics: { val_loss: 0.1 } },
  { id: 'missing', epoch: 2, status: 'missing', metrics: { val_loss: 0.1 } },
  { id: 'corrupt', epoch: 3, status: 'corrupt', metrics: { val_loss: 0.1 } },
  { id: 'pinned', epoch: 4, status: 'pinned', metrics: { val_loss: 0.6 } },
  { id: 'best', epoch: 5, metrics: { val_loss: 0.2 } },
  { id: 'own', epoch: 6, metrics: { val_loss: 0.5 } },
  { id: 'saved', epoch: 7, metrics: { val_loss: 0.4 } },
]);

describe('marks of the lanes', () => {
  test('tell the status by shape', () => {
    const marks = laneMarks([shown({ checkpoints: STATUSES, best: 'own' })], 'epoch');
    expect(marks.map(({ shape }) => shape)).toEqual([
      'ring',
      'cross',
      'gap',
      'broken',
      'pin',
      'star',
      'star-outline',
      'disc',
    ]);
    expect(marks.filter(({ strong }) => strong)).toHaveLength(1);
  });

  test('show decisions that did something, and no others', () => {
    const marks = laneMarks(
      [
        shown({
          checkpoints: checkpoints([]),
          decisions: decisions([
            { epoch: 0, topic: 'learning_rate' },
            { epoch: 1, topic: 'stop', acted: false },
            { epoch: 2, topic: 'stop', verdict: 'stopped' },
            { epoch: 2, topic: 'restore' },
            { epoch: 2, topic: 'checkpoint' },
          ]),
        }),
      ],
      'epoch',
    );
    expect(marks.map(({ shape }) => shape)).toEqual(['triangle', 'square', 'diamond']);
  });
});

test('marks of what the training left behind are faded, and not on curves without it', () => {
  const pinned = { status: 'pinned', metrics: { val_loss: 1 } } as const;
  const back = shown({
    checkpoints: {
      ...checkpoints([
        { id: 'kept', epoch: 0, ...pinned },
        { id: 'left', epoch: 2, ...pinned },
      ]),
      abandoned: [false, true],
    },
    decisions: {
      ...decisions([{ epoch: 1, topic: 'learning_rate', lr_after: 0.1 }]),
      abandoned: [true],
    },
  });
  const faded = (marks: readonly Mark[]) => marks.map((mark) => mark.faded);
  const onCurve = (run: ShownRun) => curveMarks([run], 'epoch', 'val_loss', 'min', null);
  expect(faded(laneMarks([back], 'epoch'))).toEqual([false, true, true]);
  expect(faded(onCurve(back)).sort()).toEqual([false, true]);
  expect(faded(learningRateMarks([back], 'epoch'))).toEqual([true]);
  const stitched = { ...back, stitched: true };
  expect(faded(laneMarks([stitched], 'epoch'))).toEqual([false, true, true]);
  expect(faded(onCurve(stitched))).toEqual([false]);
  expect(learningRateMarks([stitched], 'epoch')).toEqual([]);
});

describe('marks on the curve', () => {
  const run = shown({ checkpoints: STATUSES, best: 'own' });

  test('are only the best, the pinned and the selected', () => {
    const key = run.model.checkpointById.get('failed')?.key ?? '';
    const ids = (selected: string | null) =>
      curveMarks([run], 'epoch', 'val_loss', 'min', selected).map(({ x }) => x);
    expect(ids(null)).toEqual([5, 7, 6]);
    expect(ids(key)).toEqual([2, 5, 7, 6]);
  });

  test('say which one is best of all', () => {
    const marks = curveMarks([run], 'epoch', 'val_loss', 'min', null);
    expect(marks.at(-1)).toMatchObject({ shape: 'star', strong: true, label: '0.2000 · epoch 6' });
    expect(marks.filter(({ label }) => label !== undefined)).toHaveLength(1);
  });

  test('leave out what has no value to be placed at', () => {
    const none = shown({ checkpoints: checkpoints([{ id: 'x', epoch: 90, status: 'pinned' }]) });
    expect(curveMarks([none], 'epoch', 'val_loss', 'min', null)).toEqual([]);
  });
});

describe('placing', () => {
  const mark = (key: string, x: number, part: Partial<Mark> = {}): Mark => ({
    target: { kind: 'checkpoint', run: 'r', id: key },
    key,
    shape: 'disc',
    color: '#000',
    x,
    y: 0,
    strong: false,
    faded: false,
    ...part,
  });
  const place = (marks: Mark[], selected: string | null = null) =>
    placeMarks(
      marks,
      (x) => x,
      () => 0,
      { width: 100, height: 50 },
      selected,
    );
  const keys = (marks: Mark[], selected?: string) =>
    place(marks, selected ?? null).map((placed) => placed.mark.key);

  test('merges plain marks that are closer than three pixels', () => {
    expect(keys([mark('a', 0), mark('b', 2), mark('c', 3), mark('d', 4)])).toEqual(['a', 'c']);
  });

  test('never merges away failures, the best or the selected', () => {
    const marks = [
      mark('a', 0),
      mark('b', 1, { shape: 'cross' }),
      mark('c', 1.5),
      mark('d', 2, { shape: 'star', strong: true }),
    ];
    expect(keys(marks, 'c')).toEqual(['a', 'b', 'c', 'd']);
  });

  test('leaves out what is not in view', () => {
    expect(keys([mark('a', -5), mark('b', 50), mark('c', 105), mark('d', Number.NaN)])).toEqual([
      'b',
    ]);
  });

  test('plain marks shrink as their lane fills', () => {
    const lane = (count: number) => Array.from({ length: count }, (_, i) => mark(`${i}`, 10 * i));
    expect(crowding(place(lane(2)), 100)).toBe(1);
    expect(crowding(place(lane(11)), 100)).toBeLessThan(1);
    expect(crowding([], 100)).toBe(1);
  });

  test('a click means the nearest mark within twelve pixels, the topmost on a tie', () => {
    const placed = place([mark('a', 10), mark('b', 30), mark('c', 30, { shape: 'cross' })]);
    expect(hitMark(placed, 14, 3)?.mark.key).toBe('a');
    expect(hitMark(placed, 30, 0)?.mark.key).toBe('c');
    expect(hitMark(placed, 60, 0)).toBeNull();
  });

  test('a stop stays in reach where the weights came back in the same moment', () => {
    const run = shown({
      decisions: decisions([
        { epoch: 2, topic: 'stop', verdict: 'stopped', acted: true },
        { epoch: 2, topic: 'stop', verdict: 'weights_restored', acted: true },
      ]),
    });
    const marks = laneMarks([run], 'epoch').filter(({ target }) => target.kind === 'decision');
    expect(marks.map(({ shape }) => shape)).toEqual(['square', 'diamond']);
    const placed = place(marks);
    expect(hitMark(placed, placed[0]?.left ?? 0, placed[0]?.top ?? 0)?.mark.shape).toBe('square');
  });
});
