import { expect, test } from 'vitest';
import { session, timeline } from '../testing/builders';
import { lineageOf, originRun } from './lineage';
import { buildRun } from './run';

const base = buildRun(
  timeline({ run: 'base', sessions: [session({ id: 'b1' }), session({ id: 'b2', parent: 'b1' })] }),
);
const tuned = buildRun(timeline({ run: 'tuned', sessions: [session({ id: 't1', parent: 'b2' })] }));
const lost = buildRun(timeline({ run: 'lost', sessions: [session({ id: 'l1', parent: 'gone' })] }));
const lineage = lineageOf([base, tuned, lost]);

test('a session continues one of its own run, or of another', () => {
  expect(lineage(base, 0)).toBeNull();
  expect(lineage(base, 1)).toEqual({ run: 'base', session: 1 });
  expect(lineage(tuned, 0)).toEqual({ run: 'base', session: 2 });
  expect(lineage(lost, 0)).toEqual({ run: null, session: 0 });
});

test('a run was begun from another run, from none, or from one that is not there', () => {
  expect([base, tuned, lost].map((model) => originRun(model, lineage))).toEqual([
    null,
    'base',
    null,
  ]);
});
