import { expect, test } from 'vitest';
import { parseTags } from './tags';

test('tags are words between commas, each once', () => {
  expect(parseTags(' best, candidate one ,, best,')).toEqual(['best', 'candidate one']);
  expect(parseTags(' ')).toEqual([]);
});
