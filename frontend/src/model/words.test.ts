import { describe, expect, test } from 'vitest';
import { checkpointDetail } from '../testing/builders';
import { restorePlan } from './words';

describe('the plan of a restore', () => {
  test('names the file, the folder and the check', () => {
    expect(restorePlan(checkpointDetail())[0]).toBe(
      'check that the file matches its digest, then copy checkpoints/b.weights.h5 (39 kB) into pima/restored/',
    );
  });

  test('promises no check that cannot be made', () => {
    expect(restorePlan(checkpointDetail({ digest: null }))[0]).toMatch(/^copy /);
  });

  test('names the folder of a run that is the log directory itself', () => {
    expect(restorePlan(checkpointDetail({ run: '.' }))[0]).toMatch(/ into restored\/$/);
  });
});
