import { describe, expect, test } from 'vitest';
import { history, session, timeline } from '../testing/builders';
import { pieces } from './branches';

type Row = readonly [epoch: number, step: number];

/**
 * Sessions as lists of [epoch, step]; each continues the one before unless it says otherwise. `left`
 * are the rows that were left behind.
 */
function run(
  sessions: readonly (readonly Row[])[],
  left: readonly number[] = [],
  continued = true,
) {
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
      abandoned: rows.map((_, row) => left.includes(row)),
    },
  });
}

const at = (epoch: number, step = 10 * (epoch + 1)): Row => [epoch, step];
const piece = (from: number, to: number, after: number | null = null, abandoned = false) => ({
  from,
  to,
  after,
  abandoned,
});

describe('pieces', () => {
  test('of a training that only went forward are one', () => {
    expect(pieces(run([[at(0), at(1), at(2)]]))).toEqual([piece(0, 3)]);
  });

  test('of no epoch are none', () => {
    expect(pieces(run([[]]))).toEqual([]);
  });

  test('of a session that resumed earlier go on from where it resumed', () => {
    const resumed = run(
      [
        [at(0), at(1), at(2), at(3)],
        [at(2), at(3), at(4)],
      ],
      [2, 3],
    );
    expect(pieces(resumed)).toEqual([piece(0, 2), piece(2, 4, 1, true), piece(4, 7, 1)]);
  });

  test('of a session that went on where the last one ended are one line', () => {
    const resumed = run([
      [at(0), at(1)],
      [at(2), at(3)],
    ]);
    expect(pieces(resumed)).toEqual([piece(0, 4)]);
  });

  test('of a restore into the running training go on from what was restored', () => {
    // The epoch counter of `fit` goes on, the steps go back.
    const restored = run([[at(0), at(1), at(2), [3, 20], [4, 30]]], [1, 2]);
    expect(pieces(restored)).toEqual([piece(0, 1), piece(1, 3, 0, true), piece(3, 5, 0)]);
  });

  test('of a restore of the weights alone do so, too', () => {
    // The steps are those of the optimizer, and go on.
    const restored = run([[at(0), at(1), at(2), at(3), at(4)]], [1, 2]);
    expect(pieces(restored)).toEqual([piece(0, 1), piece(1, 3, 0, true), piece(3, 5, 0)]);
  });

  test('of a restore that was undone go on from what was left before', () => {
    const undone = run([[at(0), at(1), at(2), [3, 20], [4, 30], [5, 40]]], [3, 4]);
    expect(pieces(undone)).toEqual([piece(0, 3), piece(3, 5, 0, true), piece(5, 6, 2)]);
  });

  test('of another training in the same directory have nothing to do with it', () => {
    const twice = run(
      [
        [at(0), at(1)],
        [at(0), at(1)],
      ],
      [],
      false,
    );
    expect(pieces(twice)).toEqual([piece(0, 2), piece(2, 4)]);
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
    expect(pieces(looped)).toHaveLength(2);
  });
});
