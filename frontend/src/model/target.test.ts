import { expect, test } from 'vitest';
import { parseTarget, sameTarget, type Target, targetKey } from './target';

const TARGETS: Target[] = [
  { kind: 'checkpoint', run: 'a/b "c" 😀', id: '0' },
  { kind: 'decision', run: 'a/b "c" 😀', index: 0 },
  { kind: 'checkpoint', run: 'a', id: 'b' },
];

test.each(TARGETS)('the key of $kind $run names it and nothing else', (target) => {
  expect(parseTarget(targetKey(target))).toEqual(target);
  expect(TARGETS.filter((other) => targetKey(other) === targetKey(target))).toEqual([target]);
});

test.each(['', 'x', '[]', '["c"]', '["c","run",1]', '["d","run","0"]', '["d","run",0.5]', '{}'])(
  'broken key %s is no target',
  (key) => expect(parseTarget(key)).toBeNull(),
);

test('targets are compared by what they name', () => {
  expect(
    sameTarget({ kind: 'decision', run: 'a', index: 1 }, { kind: 'decision', run: 'a', index: 1 }),
  ).toBe(true);
  expect(sameTarget(null, { kind: 'decision', run: 'a', index: 1 })).toBe(false);
});
