/**
 * Checks that an answer has the documented shape, so that a mistake is reported where it enters.
 *
 * Must not transform: a decoder returns the value it was given. Unknown fields pass.
 */
import {
  type Annotation,
  BASES,
  type CheckpointDetail,
  DIRECTIONS,
  type Diff,
  END_REASONS,
  ERROR_CODES,
  type ErrorAnswer,
  LIVE_ACTIONS,
  type LiveAnswer,
  type LiveState,
  type MeanAnswer,
  type MeanPlan,
  type Num,
  OUTCOMES,
  type PruneAnswer,
  type PrunePlan,
  REASONS,
  type RestoreAnswer,
  RUN_STATES,
  type Runs,
  type Scalars,
  type ScalarTags,
  STATUSES,
  STOP_VERDICTS,
  STORY_KINDS,
  type Story,
  type Timeline,
  type Timelines,
  TOPICS,
  type UndoAnswer,
  WEIGHTS_KINDS,
  type Weights,
  type WhatIf,
} from './types';

export class ShapeError extends Error {
  constructor(path: string, expected: string, value: unknown) {
    const seen = JSON.stringify(value)?.slice(0, 60) ?? 'nothing';
    super(`${path} should be ${expected}, but is ${seen}`);
    this.name = 'ShapeError';
  }
}

type Test = (value: unknown) => boolean;

export interface Decoder<T> {
  (value: unknown, path: string): T;
  /** Whether a value passes, for what is no object: there are millions of them. */
  readonly test?: Test;
}

function primitive<T>(expected: string, test: Test): Decoder<T> {
  const decoder: Decoder<T> = (value, path) => {
    if (!test(value)) throw new ShapeError(path, expected, value);
    return value as T;
  };
  return Object.assign(decoder, { test });
}

const text = primitive<string>('text', (v) => typeof v === 'string');
const flag = primitive<boolean>('true or false', (v) => typeof v === 'boolean');
const number = primitive<number>('a finite number', (v) => Number.isFinite(v));
const count = primitive<number>(
  'a whole number from 0',
  (v) => Number.isInteger(v) && Number(v) >= 0,
);
const integer = primitive<number>('a whole number', (v) => Number.isInteger(v));
const num = primitive<Num>(
  'a number, "NaN", "Infinity", "-Infinity" or null',
  (v) => v === null || Number.isFinite(v) || v === 'NaN' || v === 'Infinity' || v === '-Infinity',
);

function oneOf<const T extends readonly string[]>(values: T): Decoder<T[number]> {
  return primitive(`one of ${values.join(', ')}`, (v) => values.includes(v as string));
}

function nullable<T>(inner: Decoder<T>): Decoder<T | null> {
  const { test } = inner;
  const decoder = (value: unknown, path: string) => (value === null ? null : inner(value, path));
  return test ? Object.assign(decoder, { test: (v: unknown) => v === null || test(v) }) : decoder;
}

function list<T>(inner: Decoder<T>): Decoder<T[]> {
  return (value, path) => {
    if (!Array.isArray(value)) throw new ShapeError(path, 'a list', value);
    // The path of an item is only made when something is wrong.
    if (inner.test && value.every(inner.test)) return value;
    for (let i = 0; i < value.length; i++) inner(value[i], `${path}[${i}]`);
    return value as T[];
  };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function record<T>(inner: Decoder<T>): Decoder<Record<string, T>> {
  return (value, path) => {
    if (!isObject(value)) throw new ShapeError(path, 'an object', value);
    for (const [key, item] of Object.entries(value)) inner(item, `${path}.${key}`);
    return value as Record<string, T>;
  };
}

function object<T extends object>(fields: { [K in keyof T]: Decoder<T[K]> }): Decoder<T> {
  return (value, path) => {
    if (!isObject(value)) throw new ShapeError(path, 'an object', value);
    for (const key in fields) fields[key](value[key], `${path}.${key}`);
    return value as T;
  };
}

/** An object whose lists, and those of its `metrics`, all have the same length. */
function columns<T extends object>(inner: Decoder<T>): Decoder<T> {
  return (value, path) => {
    const table = inner(value, path);
    let length: number | undefined;
    const check = (entry: [string, unknown]) => {
      const [name, column] = entry;
      if (isObject(column)) return Object.entries(column).forEach(check);
      if (!Array.isArray(column)) return;
      length ??= column.length;
      if (column.length !== length) {
        throw new ShapeError(`${path}.${name}`, `a column of ${length} rows`, column.length);
      }
    };
    Object.entries(table).forEach(check);
    return table;
  };
}

const may = { allowed: flag, reason: nullable(text), hint: nullable(text) };
const permission = object(may);

const runs: Decoder<Runs> = object({
  runs: list(
    object({
      run: text,
      tensorboard_runs: list(text),
      color_index: count,
      revision: text,
      last_wall_time: number,
    }),
  ),
  other_runs: count,
  logdir: text,
  actions: object({
    restore: permission,
    change: permission,
    live: object({ ...may, token: flag }),
  }),
});

const session = object<Timeline['sessions'][number]>({
  id: text,
  started: number,
  ended: nullable(number),
  parent: nullable(text),
  end_reason: nullable(oneOf(END_REASONS)),
  message: text,
  initial_epoch: integer,
  planned_epochs: nullable(integer),
  last_epoch: nullable(integer),
  backend: text,
  callbacks: list(text),
  keras_version: text,
  model_name: text,
  host: text,
  steps_per_epoch: nullable(count),
  save: text,
  keep: text,
});

const position = {
  session: list(count),
  epoch: list(integer),
  step: list(integer),
  wall_time: list(number),
  abandoned: list(flag),
};

const history = columns<Timeline['history']>(object({ ...position, metrics: record(list(num)) }));

const checkpoints = columns<Timeline['checkpoints']>(
  object({
    ...position,
    id: list(text),
    status: list(oneOf(STATUSES)),
    reason: list(oneOf(REASONS)),
    why: list(text),
    name: list(text),
    size_bytes: list(num),
    weights_kind: list(oneOf(WEIGHTS_KINDS)),
    metrics: record(list(num)),
  }),
);

const decisions = columns<Timeline['decisions']>(
  object({
    ...position,
    topic: list(oneOf(TOPICS)),
    verdict: list(text),
    acted: list(flag),
    callback: list(text),
    sentence: list(text),
    monitor: list(nullable(text)),
    observed: list(num),
    best: list(num),
    best_epoch: list(num),
    wait: list(num),
    patience: list(num),
    lr_before: list(num),
    lr_after: list(num),
  }),
);

const noted = { note: text, tags: list(text) };
const commands = object({ python: text, cli: text });

const timeline: Decoder<Timeline> = object({
  run: text,
  revision: text,
  state: oneOf(RUN_STATES),
  last_wall_time: number,
  monitor: nullable(text),
  directions: record(oneOf(DIRECTIONS)),
  best: nullable(text),
  sessions: list(session),
  history,
  checkpoints,
  annotations: record(object(noted)),
  recoverable: list(text),
  decisions,
  notices: list(
    object({
      code: text,
      message: text,
      hint: text,
      session: count,
      epoch: integer,
      wall_time: number,
    }),
  ),
  gaps: list(object({ session: count, first_seq: count, last_seq: count, message: text })),
});

const checkpoint: Decoder<CheckpointDetail> = object({
  run: text,
  id: text,
  session: count,
  epoch: integer,
  step: integer,
  batch: integer,
  wall_time: number,
  status: oneOf(STATUSES),
  reason: oneOf(REASONS),
  why: text,
  name: text,
  path: text,
  size_bytes: num,
  digest: nullable(text),
  weights_kind: oneOf(WEIGHTS_KINDS),
  optimizer: text,
  has_optimizer: flag,
  save_seconds: num,
  metrics: record(num),
  decisions: list(object({ topic: text, verdict: text, callback: text, sentence: text })),
  ...noted,
  pinned: flag,
  recoverable: flag,
  measured: flag,
  snippets: object({ python: text, keras: text, cli: text }),
  commands: object({ pin: commands, unpin: commands, annotate: commands, recover: commands }),
  verify: nullable(object({ ok: flag, message: text })),
});

const weights: Decoder<Weights> = object({
  run: text,
  id: text,
  variables: columns<Weights['variables']>(
    object({
      name: list(text),
      layer: list(text),
      dtype: list(text),
      shape: list(list(count)),
      of_optimizer: list(flag),
      l2: list(num),
      mean: list(num),
      std: list(num),
      min: list(num),
      max: list(num),
      nan: list(count),
      inf: list(count),
      zeros: list(count),
    }),
  ),
});

const change = {
  relative_change: num,
  relative_at_least: num,
  cosine: num,
  max_abs: num,
  norm_a: num,
  norm_b: num,
};
const changes = {
  relative_change: list(num),
  relative_at_least: list(num),
  cosine: list(num),
  max_abs: list(num),
  norm_a: list(num),
  norm_b: list(num),
};

const diff: Decoder<Diff> = object({
  run: text,
  run_b: text,
  a: text,
  b: text,
  progress: object({
    finished: flag,
    compared: count,
    variables: count,
    read_bytes: count,
    total_bytes: count,
  }),
  sentence: nullable(text),
  notes: list(text),
  weights: nullable(object(change)),
  layers: columns<Diff['layers']>(
    object({
      ...changes,
      layer: list(text),
      variables: list(count),
      unchanged: list(count),
      of_optimizer: list(flag),
    }),
  ),
  variables: columns<Diff['variables']>(
    object({
      ...changes,
      name: list(text),
      layer: list(text),
      dtype: list(text),
      shape: list(list(count)),
      of_optimizer: list(flag),
      basis: list(oneOf(BASES)),
      equal: list(nullable(flag)),
      mean_a: list(num),
      mean_b: list(num),
      std_a: list(num),
      std_b: list(num),
      min_a: list(num),
      min_b: list(num),
      max_a: list(num),
      max_b: list(num),
      not_finite: list(count),
      note: list(text),
    }),
  ),
  only_in_a: list(text),
  only_in_b: list(text),
});

const scalarTags: Decoder<ScalarTags> = object({ run: text, tags: list(text) });

const scalars: Decoder<Scalars> = columns(
  object({
    run: text,
    tag: text,
    step: list(integer),
    wall_time: list(number),
    value: list(num),
  }),
);

const restore: Decoder<RestoreAnswer> = object({
  run: text,
  id: text,
  path: text,
  size_bytes: number,
  digest: text,
  created: flag,
  message: text,
});

const annotation: Decoder<Annotation> = object({
  ...noted,
  run: text,
  id: text,
  pinned: flag,
  message: text,
});

const steps = columns<PrunePlan['goes']>(
  object({
    id: list(text),
    epoch: list(integer),
    name: list(text),
    size_bytes: list(number),
    why: list(text),
  }),
);

const plan: Decoder<PrunePlan> = object({
  run: text,
  policy: text,
  goes: steps,
  stays: steps,
  count,
  frees_bytes: number,
  left_bytes: number,
  message: text,
  commands,
});

const prune: Decoder<PruneAnswer> = object({
  run: text,
  deleted: list(text),
  trashed: list(text),
  freed_bytes: number,
  problems: list(text),
  message: text,
});

const meanPlan: Decoder<MeanPlan> = object({ run: text, ids: list(text), message: text, commands });

const mean: Decoder<MeanAnswer> = object({ run: text, path: text, message: text });

const undo: Decoder<UndoAnswer> = object({ run: text, recovered: list(text), message: text });

const why: Decoder<Story> = object({
  run: text,
  lines: columns<Story['lines']>(
    object({
      session: list(count),
      epoch: list(integer),
      wall_time: list(number),
      kind: list(oneOf(STORY_KINDS)),
      verdict: list(text),
      sentence: list(text),
      checkpoint: list(nullable(text)),
      decision: list(nullable(count)),
    }),
  ),
});

const assumedMoment = { session: count, epoch: integer, step: integer, wall_time: number };

const rule = { monitor: text, mode: oneOf(DIRECTIONS), min_delta: num, patience: number };

const rules = {
  early_stopping: nullable(object({ ...rule, baseline: num, start_from_epoch: integer })),
  reduce_lr: nullable(object({ ...rule, factor: num, cooldown: number, min_lr: num })),
};

const whatIf: Decoder<WhatIf> = object({
  ...rules,
  run: text,
  epochs: count,
  recorded: object(rules),
  stop: nullable(object({ ...assumedMoment, verdict: oneOf(STOP_VERDICTS), exact: flag })),
  cuts: list(
    object({
      ...assumedMoment,
      optimizer: text,
      lr_before: num,
      lr_after: num,
      recorded: flag,
      exact: flag,
    }),
  ),
  differs_from: nullable(integer),
  checkpoints: object({ kept: list(text), pruned: list(text), never: list(text) }),
  sentences: list(text),
  notes: list(text),
  commands,
});

const liveAnswer: Decoder<LiveAnswer> = object({
  run: text,
  request: text,
  final: flag,
  action: nullable(oneOf(LIVE_ACTIONS)),
  outcome: oneOf(OUTCOMES),
  message: text,
  wall_time: number,
  dry_run: flag,
  checkpoint: text,
  undo: text,
  restored: count,
  total: count,
  learning_rate_before: num,
  learning_rate_after: num,
  plan: list(text),
  layers: list(object({ layer: text, relative_change: nullable(number) })),
});

const liveState: Decoder<LiveState> = object({
  run: text,
  listening: flag,
  paused: flag,
  message: text,
  commands: object({
    undo: commands,
    pause: commands,
    continue: commands,
    stop: commands,
    save: commands,
    learning_rate: commands,
  }),
  restore: nullable(commands),
});

const failure = object({ code: oneOf(ERROR_CODES), message: text, hint: text });

const error: Decoder<ErrorAnswer> = object({ error: failure });

const timelines: Decoder<Timelines> = object({
  timelines: list(timeline),
  failures: list(object({ run: text, error: failure })),
  pending: list(text),
});

/** One decoder per documented answer. */
export const decode = {
  runs,
  timeline,
  timelines,
  checkpoint,
  diff,
  weights,
  scalarTags,
  scalars,
  restore,
  annotation,
  plan,
  prune,
  undo,
  mean,
  meanPlan,
  whatIf,
  why,
  liveAnswer,
  liveState,
  error,
} as const;
