import { describe, expect, test } from 'vitest';
import { checkpoints, timeline } from '../testing/builders';
import { toCsv, toJson } from './export';
import { buildRun } from './run';

const { checkpoints: rows } = buildRun(
  timeline({
    run: '=cmd|"x",1',
    checkpoints: checkpoints([
      { id: 'a', epoch: 0, metrics: { val_loss: -0.5 } },
      { id: 'b', epoch: 1, status: 'failed', metrics: { val_loss: '-Infinity' } },
      { id: 'c', epoch: 2 },
    ]),
  }),
);

describe('CSV', () => {
  const lines = toCsv(rows, ['val_loss', 'f1']).split('\r\n');

  test('has a heading and a line per row', () => {
    expect(lines[0]).toBe(
      'run,id,epoch,step,wall_time,status,reason,size_bytes,val_loss,f1,file,why,tags,note',
    );
    expect(lines).toHaveLength(rows.length + 2);
  });

  test('keeps numbers, and leaves out what is not there', () => {
    expect(lines[1]).toContain(',a,1,52,1700000001,saved,scheduled,39200,-0.5,,checkpoints/a');
    expect(lines[2]).toContain(',failed,scheduled,39200,-Infinity,,');
    expect(lines[3]).toContain(',39200,,,checkpoints/c');
  });

  test('holds no formula, whatever a run is called', () => {
    expect(lines[1]?.startsWith('"\'=cmd|""x"",1",')).toBe(true);
  });
});

test('JSON is one object per row, with the metrics by name', () => {
  const [first, second] = JSON.parse(toJson(rows, ['val_loss']));
  expect(first).toMatchObject({ run: '=cmd|"x",1', epoch: 1, metrics: { val_loss: -0.5 } });
  expect(second).toMatchObject({ status: 'failed', metrics: { val_loss: '-Infinity' } });
});
