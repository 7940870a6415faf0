import { describe, expect, test } from 'vitest';
import { diffAnswer, weightsAnswer } from '../testing/builders';
import { layerSpreads, together, variableSpreads, weightLayers } from './spread';

describe('spread', () => {
  test('variables together are what all their values are', () => {
    const values = [
      [1, 2, 3],
      [7, 9],
    ];
    const spreadOf = (all: readonly number[]) => {
      const mean = all.reduce((a, b) => a + b) / all.length;
      const std = Math.sqrt(all.reduce((sum, v) => sum + (v - mean) ** 2, 0) / all.length);
      return { min: Math.min(...all), max: Math.max(...all), mean, std, count: all.length };
    };
    const all = together(values.map(spreadOf));
    const expected = spreadOf(values.flat());
    expect(all?.mean).toBeCloseTo(expected.mean);
    expect(all?.std).toBeCloseTo(expected.std);
    expect(all).toMatchObject({ min: 1, max: 9, count: 5 });
  });

  test('what has no numbers takes part in nothing', () => {
    const one = { min: 0, max: 1, mean: 0.5, std: 0.1, count: 4 };
    expect(together([null, one])).toEqual(one);
    expect(together([null])).toBeNull();
  });

  test('layers come in the order of the file, the optimizer last', () => {
    const answer = weightsAnswer({ layer: ['b', 'b', 'optimizer'], nan: [1, 2, 0] });
    const layers = weightLayers(answer);
    expect(layers.map(({ name }) => name)).toEqual(['b', 'optimizer']);
    expect(layers[0]).toMatchObject({ values: 108, nan: 3, zeros: 12, optimizer: false });
    expect(layers[0]?.variables.map(({ shape }) => shape)).toEqual(['8×12', '12']);
    expect(layers[1]?.optimizer).toBe(true);
  });

  test('a variable beyond float32 or without numbers has no spread', () => {
    const answer = weightsAnswer({ max: ['Infinity', 1, 1], min: [-1, null, -1] });
    expect(weightLayers(answer)[0]?.spread).toBeNull();
  });

  test('both sides of a comparison, by variable and by layer', () => {
    const diff = diffAnswer();
    diff.variables.max_b = [4];
    expect(variableSpreads(diff)[0]?.map((side) => side?.max)).toEqual([0.5, 4]);
    expect(layerSpreads(diff)[0]?.[1]?.max).toBe(4);
    diff.variables.mean_a = [null];
    expect(layerSpreads(diff)[0]?.[0]).toBeNull();
  });
});
