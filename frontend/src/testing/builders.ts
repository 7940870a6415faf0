/** Answers of the server for tests: valid by default, changed where a test needs it. */
import { type Api, ApiError } from '../api/client';
import type {
  CheckpointDetail,
  Checkpoints,
  Commands,
  Decisions,
  Diff,
  History,
  LiveAnswer,
  LiveState,
  Num,
  PrunePlan,
  Runs,
  Session,
  Status,
  Story,
  Timeline,
  Weights,
  WhatIf,
} from '../api/types';

const START = 1_700_000_000;
const STEPS = 52;

export function session(part: Partial<Session> = {}): Session {
  return {
    id: 's0',
    started: START,
    ended: START + 100,
    parent: null,
    end_reason: 'completed',
    message: 'Completed all epochs.',
    initial_epoch: 0,
    planned_epochs: 10,
    last_epoch: 9,
    backend: 'tensorflow',
    callbacks: ['Timeline'],
    keras_version: '3.15.1',
    model_name: 'sequential',
    host: 'ada',
    steps_per_epoch: STEPS,
    save: 'every epoch',
    keep: '',
    ...part,
  };
}

function positions(epochs: readonly number[]) {
  return {
    session: epochs.map(() => 0),
    epoch: [...epochs],
    step: epochs.map((epoch) => (epoch + 1) * STEPS),
    wall_time: epochs.map((epoch) => START + epoch + 1),
    abandoned: epochs.map(() => false),
  };
}

export function history(metrics: Record<string, Num[]>, epochs?: readonly number[]): History {
  const count = Object.values(metrics)[0]?.length ?? 0;
  const rows = epochs ?? Array.from({ length: count }, (_, i) => i);
  return { ...positions(rows), metrics };
}

export interface CheckpointSpec {
  readonly id: string;
  readonly epoch: number;
  readonly status?: Status;
  readonly metrics?: Record<string, Num>;
}

export function checkpoints(specs: readonly CheckpointSpec[]): Checkpoints {
  const names = new Set(specs.flatMap(({ metrics }) => Object.keys(metrics ?? {})));
  return {
    ...positions(specs.map(({ epoch }) => epoch)),
    id: specs.map(({ id }) => id),
    status: specs.map(({ status }) => status ?? 'saved'),
    reason: specs.map(() => 'scheduled'),
    why: specs.map(({ epoch }) => `Saved after epoch ${epoch + 1}.`),
    name: specs.map(({ id }) => `checkpoints/${id}.weights.h5`),
    size_bytes: specs.map(() => 39_200),
    weights_kind: specs.map(() => 'raw'),
    metrics: Object.fromEntries(
      [...names].map((name) => [name, specs.map(({ metrics }) => metrics?.[name] ?? null)]),
    ),
  };
}

type DecisionSpec = { epoch: number; topic: Decisions['topic'][number] } & Partial<{
  verdict: string;
  acted: boolean;
  sentence: string;
  lr_before: Num;
  lr_after: Num;
}>;

export function decisions(specs: readonly DecisionSpec[]): Decisions {
  const none = specs.map(() => null);
  return {
    ...positions(specs.map(({ epoch }) => epoch)),
    topic: specs.map(({ topic }) => topic),
    verdict: specs.map(({ verdict }) => verdict ?? 'waiting'),
    acted: specs.map(({ acted }) => acted ?? true),
    callback: specs.map(() => 'EarlyStopping'),
    sentence: specs.map(({ sentence }) => sentence ?? 'A sentence.'),
    monitor: none,
    observed: none,
    best: none,
    best_epoch: none,
    wait: none,
    patience: none,
    lr_before: specs.map(({ lr_before }) => lr_before ?? null),
    lr_after: specs.map(({ lr_after }) => lr_after ?? null),
  };
}

export function timeline(part: Partial<Timeline> = {}): Timeline {
  return {
    run: 'pima',
    revision: 'r1',
    state: 'ended',
    last_wall_time: START + 100,
    monitor: 'val_loss',
    directions: { loss: 'min', val_loss: 'min', accuracy: 'max', val_accuracy: 'max' },
    best: null,
    sessions: [session()],
    history: history({ loss: [0.9, 0.7, 0.6], val_loss: [0.8, 0.5, 0.65] }),
    checkpoints: checkpoints([
      { id: 'a', epoch: 0, status: 'pruned', metrics: { loss: 0.9, val_loss: 0.8 } },
      { id: 'b', epoch: 1, metrics: { loss: 0.7, val_loss: 0.5 } },
      { id: 'c', epoch: 2, metrics: { loss: 0.6, val_loss: 0.65 } },
    ]),
    annotations: {},
    recoverable: [],
    decisions: decisions([]),
    notices: [],
    gaps: [],
    ...part,
  };
}

const ALLOWED = { allowed: true, reason: null, hint: null };

export function runsAnswer(timelines: readonly Timeline[], part: Partial<Runs> = {}): Runs {
  return {
    runs: timelines.map(({ run, revision, last_wall_time }, color_index) => ({
      run,
      tensorboard_runs: [`${run}/timeline`],
      color_index,
      revision,
      last_wall_time,
    })),
    other_runs: 0,
    logdir: 'logs',
    actions: { restore: ALLOWED, change: ALLOWED, live: { ...ALLOWED, token: false } },
    ...part,
  };
}

export function commands(name: string): Commands {
  return { python: `checkpoint.${name}()`, cli: `epochline ${name}` };
}

export function checkpointDetail(part: Partial<CheckpointDetail> = {}): CheckpointDetail {
  return {
    run: 'pima',
    id: 'b',
    session: 0,
    epoch: 1,
    step: 104,
    batch: 104,
    wall_time: START + 2,
    status: 'saved',
    reason: 'scheduled',
    why: 'Saved after epoch 2.',
    name: 'checkpoints/b.weights.h5',
    path: '/logs/pima/checkpoints/b.weights.h5',
    size_bytes: 39_200,
    digest: 'xxh3-128:b',
    weights_kind: 'raw',
    optimizer: 'Adam',
    has_optimizer: true,
    save_seconds: 0.01,
    metrics: { loss: 0.7, val_loss: 0.5 },
    decisions: [],
    pinned: false,
    note: '',
    tags: [],
    recoverable: false,
    measured: true,
    commands: {
      pin: commands('pin'),
      unpin: commands('unpin'),
      annotate: commands('annotate'),
      recover: commands('recover'),
    },
    snippets: { python: 'run.restore()', keras: 'model.load_weights()', cli: 'epochline restore' },
    verify: null,
    ...part,
  };
}

export function diffAnswer(part: Partial<Diff> = {}): Diff {
  const same = { relative_change: [0], relative_at_least: [0], cosine: [1], max_abs: [0] };
  const norms = { norm_a: [2], norm_b: [2] };
  return {
    run: 'pima',
    run_b: 'pima',
    a: 'a',
    b: 'b',
    progress: { finished: true, compared: 1, variables: 1, read_bytes: 0, total_bytes: 0 },
    sentence: 'The weights are equal.',
    notes: [],
    weights: {
      relative_change: 0,
      relative_at_least: 0,
      cosine: 1,
      max_abs: 0,
      norm_a: 2,
      norm_b: 2,
    },
    layers: {
      ...same,
      ...norms,
      layer: ['dense'],
      variables: [1],
      unchanged: [1],
      of_optimizer: [false],
    },
    variables: {
      ...same,
      ...norms,
      name: ['dense/kernel'],
      layer: ['dense'],
      dtype: ['float32'],
      shape: [[8, 12]],
      of_optimizer: [false],
      basis: ['digests'],
      equal: [true],
      mean_a: [0.1],
      mean_b: [0.1],
      std_a: [0.2],
      std_b: [0.2],
      min_a: [-0.5],
      min_b: [-0.5],
      max_a: [0.5],
      max_b: [0.5],
      not_finite: [0],
      note: [''],
    },
    only_in_a: [],
    only_in_b: [],
    ...part,
  };
}

export function weightsAnswer(part: Partial<Weights['variables']> = {}): Weights {
  return {
    run: 'pima',
    id: 'b',
    variables: {
      name: ['dense/kernel', 'dense/bias', 'optimizer/momentum'],
      layer: ['dense', 'dense', 'optimizer'],
      dtype: ['float32', 'float32', 'float32'],
      shape: [[8, 12], [12], [8, 12]],
      of_optimizer: [false, false, true],
      l2: [2, 0, 1],
      mean: [0.1, 0, 0],
      std: [0.2, 0, 0.1],
      min: [-0.5, 0, -0.2],
      max: [0.5, 0, 0.2],
      nan: [0, 0, 0],
      inf: [0, 0, 0],
      zeros: [0, 12, 0],
      ...part,
    },
  };
}

export function prunePlan(part: Partial<PrunePlan> = {}): PrunePlan {
  return {
    run: 'pima',
    policy: 'all but 1 checkpoint',
    goes: {
      id: ['b'],
      epoch: [1],
      name: ['checkpoints/b.weights.h5'],
      size_bytes: [39_200],
      why: ['not kept by all but 1 checkpoint'],
    },
    stays: { id: [], epoch: [], name: [], size_bytes: [], why: [] },
    count: 2,
    frees_bytes: 39_200,
    left_bytes: 39_200,
    message: '1 of 2 checkpoints goes: 39 kB freed, 39 kB left.',
    commands: commands('prune'),
    ...part,
  };
}

export function storyAnswer(part: Partial<Story> = {}): Story {
  return {
    run: 'pima',
    lines: {
      session: [0, 0],
      epoch: [0, 1],
      wall_time: [START, START + 2],
      kind: ['session', 'checkpoint'],
      verdict: ['started', 'saved'],
      sentence: ['training from epoch 1 to 10.', 'val_loss 0.5 is the best so far, b.weights.h5'],
      checkpoint: [null, 'b'],
      decision: [null, null],
    },
    ...part,
  };
}

const RULE = { monitor: 'val_loss', mode: 'min', min_delta: 0, patience: 3 } as const;

export function whatIfAnswer(part: Partial<WhatIf> = {}): WhatIf {
  const early = { ...RULE, baseline: null, start_from_epoch: 0 };
  return {
    run: 'pima',
    epochs: 2,
    early_stopping: early,
    reduce_lr: null,
    recorded: { early_stopping: early, reduce_lr: null },
    stop: {
      verdict: 'earlier',
      session: 0,
      epoch: 0,
      step: 52,
      wall_time: START + 1,
      exact: true,
    },
    cuts: [],
    differs_from: null,
    checkpoints: { kept: ['a'], pruned: [], never: ['b'] },
    sentences: ['EarlyStopping would have stopped after epoch 1.', 'That saves 1 epoch of 2.'],
    notes: [],
    commands: commands('whatif'),
    ...part,
  };
}

export function liveState(part: Partial<LiveState> = {}): LiveState {
  return {
    run: 'pima',
    listening: true,
    paused: false,
    message: 'The training runs (process 12).',
    commands: {
      undo: commands('live undo'),
      pause: commands('live pause'),
      continue: commands('live continue'),
      stop: commands('live stop'),
      save: commands('live save'),
      learning_rate: commands('live learning-rate 0.0001'),
    },
    restore: commands('restore --live'),
    ...part,
  };
}

/** Of a training that has done what it was asked for. */
export function liveAnswer(part: Partial<LiveAnswer> = {}): LiveAnswer {
  return {
    run: 'pima',
    request: '0'.repeat(32),
    final: true,
    action: 'restore',
    outcome: 'done',
    message: 'Back at epoch 2: 14 of 14 variables restored.',
    wall_time: START + 100,
    dry_run: false,
    checkpoint: 'b',
    undo: 'u',
    restored: 14,
    total: 14,
    learning_rate_before: 1e-3,
    learning_rate_after: 5e-4,
    plan: ['14 variables become those of checkpoint b.', 'The epoch counter of fit goes on.'],
    layers: [{ layer: 'dense', relative_change: 0.25 }],
    ...part,
  };
}

/** A server that knows these timelines; parts of it can be replaced. */
export function fakeApi(timelines: readonly Timeline[], part: Partial<Api> = {}): Api {
  const answer = runsAnswer(timelines);
  return {
    runs: async () => answer,
    timelines: async (runs, take) =>
      take({
        timelines: timelines.filter(({ run }) => runs.includes(run)),
        failures: [],
        pending: [],
      }),
    timeline: async (run) => {
      const found = timelines.find((item) => item.run === run);
      if (found === undefined) throw new ApiError('not_found', `There is no run ${run}.`, '');
      return found;
    },
    checkpoint: async (run, id, verify) =>
      checkpointDetail({
        run,
        id,
        verify: verify ? { ok: true, message: 'The file matches its digest.' } : null,
      }),
    diff: async (a, b) => diffAnswer({ run: a.run, run_b: b.run, a: a.id, b: b.id }),
    weights: async (run, id) => ({ ...weightsAnswer(), run, id }),
    why: async (run) => storyAnswer({ run }),
    report: async (run) => `<!doctype html><title>${run}</title>`,
    whatIf: async ({ run }) => whatIfAnswer({ run }),
    plan: async (run) => prunePlan({ run }),
    pin: async (run, id, pinned) => ({
      run,
      id,
      pinned,
      note: '',
      tags: [],
      message: 'Epoch 2 is pinned.',
    }),
    annotate: async (run, id, note) => ({
      run,
      id,
      pinned: false,
      ...note,
      message: 'Note and tags saved.',
    }),
    prune: async (run, ids) => ({
      run,
      deleted: [...ids],
      trashed: [...ids],
      freed_bytes: 39_200,
      problems: [],
      message: 'Removed.',
    }),
    meanPlan: async (run, ids) => ({
      run,
      ids: [...ids],
      message: `The mean of ${ids.length} checkpoints is written to restored/mean.weights.h5.`,
      commands: commands('average'),
    }),
    average: async (run) => ({
      run,
      path: '/logs/pima/restored/mean.weights.h5',
      message: 'The mean is in restored/mean.weights.h5.',
    }),
    undo: async (run, ids) => ({ run, recovered: [...ids], message: 'Back.' }),
    liveState: async (run) => liveState({ run }),
    live: async ({ run, request, action, dry_run }) =>
      liveAnswer({ run, request, action, dry_run, ...(dry_run ? { message: 'It fits.' } : {}) }),
    liveAnswer: async (run, request) => liveAnswer({ run, request }),
    restore: async (run, id) => ({
      run,
      id,
      path: `/logs/${run}/restored/${id}.weights.h5`,
      size_bytes: 39_200,
      digest: `xxh3-128:${id}`,
      created: true,
      message: 'Copied 39 kB.',
    }),
    ...part,
  };
}
