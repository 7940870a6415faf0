import { describe, expect, test } from 'vitest';
import { history, session, timeline } from '../testing/builders';
import { branches } from './branches';

/** Sessions as lists of [epoch, step]; each continues the one before unless it says otherwise. */
function run(sessions: readonly (readonly [number, number])[][], continued = true) {
  const rows = sessions.flatMap((own, index) =>
    own.map(([epoch, step]) => ({ index, epoch, step })),
  );
  return timeline({
    sessions: sessions.map((_, index) =>
      session({ id: `s${index}`, parent: continued && index > 0 ? `s${index - 1}` : null }),
    ),
    history: {
      ...history({ loss: rows.map(() => 1) }),
      session: rows.map(({ index }) => index),
      epoch: rows.map(({ epoch }) => epoch),
      step: rows.map(({ step }) => step),
    },
  });
}

const at = (epoch: number, step = 10 * (epoch + 1)) => [epoch, step] as const;
const piece = (from: number, to: number, after: number | null = null, abandoned = false) => ({
  from,
  to,
  after,
  abandoned,
});

describe('pieces', () => {
  test('of a training that only went forward are one', () => {
    expect(branches(run([[at(0), at(1), at(2)]])).pieces).toEqual([piece(0, 3)]);
  });

  test('of no epoch are none', () => {
    expect(branches(run([[]])).pieces).toEqual([]);
  });

  test('of a session that resumed earlier fade what it did again', () => {
    const resumed = run([
      [at(0), at(1), at(2), at(3)],
      [at(2), at(3), at(4)],
    ]);
    expect(branches(resumed).pieces).toEqual([piece(0, 2), piece(2, 4, 1, true), piece(4, 7, 1)]);
  });

  test('of a session that went on where the last one ended are one line', () => {
    const resumed = run([
      [at(0), at(1)],
      [at(2), at(3)],
    ]);
    expect(branches(resumed).pieces).toEqual([piece(0, 4)]);
  });

  test('of a restore into the running training fade what was done between', () => {
    // The epoch counter of `fit` goes on, the steps go back.
    const restored = run([[at(0), at(1), at(2), [3, 20], [4, 30]]]);
    expect(branches(restored).pieces).toEqual([piece(0, 1), piece(1, 3, 0, true), piece(3, 5, 0)]);
  });

  test('of another training in the same directory stay as they are', () => {
    const twice = run(
      [
        [at(0), at(1)],
        [at(0), at(1)],
      ],
      false,
    );
    expect(branches(twice).pieces).toEqual([piece(0, 2), piece(2, 4)]);
  });

  test('of a session with new steps fade only the epochs that it trained again', () => {
    const weightsOnly = run([
      [at(0), at(1), at(2)],
      [
        [2, 10],
        [3, 20],
      ],
    ]);
    expect(branches(weightsOnly).pieces.map(({ abandoned }) => abandoned)).toEqual([
      false,
      true,
      false,
    ]);
  });

  test('of sessions that are their own parents are drawn all the same', () => {
    const answer = run([
      [at(0), at(1)],
      [at(0), at(1)],
    ]);
    const looped = {
      ...answer,
      sessions: answer.sessions.map((item) => ({ ...item, parent: 's1' })),
    };
    expect(branches(looped).pieces).toHaveLength(2);
  });
});

test('what happened in an abandoned part is abandoned, too', () => {
  const answer = run([
    [at(0), at(1), at(2), at(3)],
    [at(2), at(3)],
  ]);
  const { abandoned } = branches(answer);
  const wall = answer.history.wall_time;
  const where = (row: number, session: number) =>
    abandoned({ session, epoch: 0, step: 0, wallTime: Number(wall[row]) });
  expect([0, 1, 2, 3].map((row) => where(row, 0))).toEqual([false, false, true, true]);
  expect([4, 5].map((row) => where(row, 1))).toEqual([false, false]);
});
