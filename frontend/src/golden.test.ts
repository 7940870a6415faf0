/** The answers that the Python tests produce are what this side expects, field by field. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Decoder, decode } from './api/decode';
import type { Timeline } from './api/types';
import { buildRun } from './model/run';

const FOLDER = join(import.meta.dirname, '../../tests/data/http');

const DECODERS: Record<string, Decoder<unknown>> = {
  'annotate.json': decode.annotation,
  'checkpoint.json': decode.checkpoint,
  'diff.json': decode.diff,
  'error.json': decode.error,
  'live.json': decode.liveAnswer,
  'live_answer.json': decode.liveAnswer,
  'live_state.json': decode.liveState,
  'pin.json': decode.annotation,
  'plan.json': decode.plan,
  'prune.json': decode.prune,
  'restore.json': decode.restore,
  'runs.json': decode.runs,
  'scalar_tags.json': decode.scalarTags,
  'scalars.json': decode.scalars,
  'timeline.json': decode.timeline,
  'timelines.json': decode.timelines,
  'undo.json': decode.undo,
  'mean.json': decode.meanPlan,
  'weights.json': decode.weights,
  'what_if.json': decode.whatIf,
  'why.json': decode.why,
};

function golden(name: string): unknown {
  return JSON.parse(readFileSync(join(FOLDER, name), 'utf8'));
}

describe('golden answers', () => {
  test('there is one for every decoder, and no other', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
    expect(files.sort()).toEqual(Object.keys(DECODERS).sort());
  });

  test.each(Object.entries(DECODERS))('%s has the documented shape', (name, decoder) => {
    expect(() => decoder(golden(name), name)).not.toThrow();
  });

  test('the timeline becomes a model with all of its rows', () => {
    const answer = golden('timeline.json') as Timeline;
    const model = buildRun(answer);
    expect(model.checkpoints).toHaveLength(answer.checkpoints.id.length);
    expect(model.decisions).toHaveLength(answer.decisions.topic.length);
    const rows = model.pieces.reduce((sum, { from, to }) => sum + to - from, 0);
    expect(rows).toBe(answer.history.epoch.length);
  });
});
