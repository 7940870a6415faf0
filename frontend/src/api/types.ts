/**
 * The answers of the plugin's HTTP API, field for field as `http_api.md` states them.
 *
 * Knows nothing of how they are shown. Fields are only ever added; unknown ones are ignored.
 */

/** JSON has no NaN: a non-finite number is a string, a missing one is null. */
export type Num = number | 'NaN' | 'Infinity' | '-Infinity' | null;

export const ERROR_CODES = [
  'bad_request',
  'not_found',
  'method_not_allowed',
  'conflict',
  'too_large',
  'unsupported_media_type',
  'forbidden',
  'read_only',
  'disk_full',
  'internal',
] as const;
export const RUN_STATES = ['running', 'ended', 'unknown'] as const;
export const END_REASONS = [
  'completed',
  'early_stopping',
  'nan',
  'stopped',
  'interrupted',
  'failed',
] as const;
export const STATUSES = ['saved', 'pinned', 'pruned', 'missing', 'corrupt', 'failed'] as const;
export const REASONS = ['best', 'scheduled', 'manual', 'adopted', 'average'] as const;
export const TOPICS = ['checkpoint', 'learning_rate', 'stop', 'restore'] as const;
export const DIRECTIONS = ['min', 'max'] as const;
export const WEIGHTS_KINDS = ['raw', 'ema'] as const;
export const BASES = ['digests', 'bytes', 'statistics', 'nothing'] as const;

export const STORY_KINDS = ['session', 'restore', 'notice', 'checkpoint', 'decision'] as const;

export const LIVE_ACTIONS = [
  'restore',
  'undo',
  'pause',
  'continue',
  'stop',
  'save',
  'learning_rate',
] as const;
export const OUTCOMES = ['working', 'done', 'refused', 'failed', 'expired', 'nobody'] as const;

export type LiveAction = (typeof LIVE_ACTIONS)[number];
export type Outcome = (typeof OUTCOMES)[number];
export type StoryKind = (typeof STORY_KINDS)[number];
export type ErrorCode = (typeof ERROR_CODES)[number];
export type RunState = (typeof RUN_STATES)[number];
export type EndReason = (typeof END_REASONS)[number];
export type Status = (typeof STATUSES)[number];
export type Reason = (typeof REASONS)[number];
export type Topic = (typeof TOPICS)[number];
export type Direction = (typeof DIRECTIONS)[number];
export type Basis = (typeof BASES)[number];
export type WeightsKind = (typeof WEIGHTS_KINDS)[number];

export interface ErrorAnswer {
  error: { code: ErrorCode; message: string; hint: string };
}

export interface Permission {
  allowed: boolean;
  reason: string | null;
  hint: string | null;
}

export interface Actions {
  restore: Permission;
  /** Pins, notes, prunes and their undo. */
  change: Permission;
  /** Requests to running trainings, and whether they need the token. */
  live: Permission & { token: boolean };
}

export interface RunSummary {
  run: string;
  tensorboard_runs: string[];
  /** Index of the group's first run in TensorBoard's run list. */
  color_index: number;
  /** Changes whenever the answer of `timeline` may change. */
  revision: string;
  last_wall_time: number;
}

export interface Runs {
  runs: RunSummary[];
  other_runs: number;
  logdir: string;
  actions: Actions;
}

export interface Session {
  id: string;
  started: number;
  ended: number | null;
  parent: string | null;
  end_reason: EndReason | null;
  message: string;
  initial_epoch: number;
  planned_epochs: number | null;
  last_epoch: number | null;
  backend: string;
  callbacks: string[];
  keras_version: string;
  model_name: string;
  host: string;
  steps_per_epoch: number | null;
  /** The rules by which checkpoints are saved and kept, in words. */
  save: string;
  keep: string;
}

/** When the rows of a table happened. */
export interface Moments {
  session: number[];
  epoch: number[];
  step: number[];
  wall_time: number[];
  /** Whether the training left it behind when it went back. */
  abandoned: boolean[];
}

/** One row per finished epoch, in the order trained. */
export interface History extends Moments {
  metrics: Record<string, Num[]>;
}

export interface Checkpoints extends Moments {
  id: string[];
  status: Status[];
  reason: Reason[];
  why: string[];
  name: string[];
  size_bytes: Num[];
  weights_kind: WeightsKind[];
  metrics: Record<string, Num[]>;
}

export interface Decisions extends Moments {
  topic: Topic[];
  verdict: string[];
  acted: boolean[];
  callback: string[];
  sentence: string[];
  monitor: (string | null)[];
  observed: Num[];
  best: Num[];
  best_epoch: Num[];
  wait: Num[];
  patience: Num[];
  lr_before: Num[];
  lr_after: Num[];
}

export interface Notice {
  code: string;
  message: string;
  hint: string;
  session: number;
  epoch: number;
  wall_time: number;
}

export interface Gap {
  session: number;
  first_seq: number;
  last_seq: number;
  message: string;
}

export interface Note {
  note: string;
  tags: string[];
}

/** An `Outline`, and what of a `Timeline` is read besides: its further decisions. */
export interface Timeline {
  run: string;
  revision: string;
  state: RunState;
  last_wall_time: number;
  monitor: string | null;
  directions: Record<string, Direction>;
  best: string | null;
  sessions: Session[];
  history: History;
  checkpoints: Checkpoints;
  /** By id; only of checkpoints that have any. */
  annotations: Record<string, Note>;
  /** Ids of those that can be taken out of the trash. */
  recoverable: string[];
  decisions: Decisions;
  notices: Notice[];
  gaps: Gap[];
}

export interface Timelines {
  timelines: Timeline[];
  failures: { run: string; error: ErrorAnswer['error'] }[];
  /** Runs that the server did not get to, to be asked for again. */
  pending: string[];
}

/** What does the same as a button, ready to paste. */
export interface Commands {
  python: string;
  cli: string;
}

export interface CheckpointDetail extends Note {
  run: string;
  id: string;
  session: number;
  epoch: number;
  step: number;
  batch: number;
  wall_time: number;
  status: Status;
  reason: Reason;
  why: string;
  name: string;
  path: string;
  size_bytes: Num;
  digest: string | null;
  weights_kind: WeightsKind;
  /** Class of the optimizer whose state the file holds. */
  optimizer: string;
  /** Whether the file holds the state of the optimizer. */
  has_optimizer: boolean;
  save_seconds: Num;
  metrics: Record<string, Num>;
  decisions: { topic: string; verdict: string; callback: string; sentence: string }[];
  pinned: boolean;
  recoverable: boolean;
  /** Whether `weights` can tell of it. */
  measured: boolean;
  snippets: { python: string; keras: string; cli: string };
  commands: { pin: Commands; unpin: Commands; annotate: Commands; recover: Commands };
  verify: { ok: boolean; message: string } | null;
}

/** What was recorded of the variables of a checkpoint; of their finite values where it is a number. */
export interface Weights {
  run: string;
  id: string;
  variables: {
    name: string[];
    layer: string[];
    dtype: string[];
    shape: number[][];
    of_optimizer: boolean[];
    l2: Num[];
    mean: Num[];
    std: Num[];
    min: Num[];
    max: Num[];
    nan: number[];
    inf: number[];
    zeros: number[];
  };
}

/** How far two sets of weights are apart. */
export interface Change {
  relative_change: Num;
  /** What it is at least, when only statistics are left. */
  relative_at_least: Num;
  cosine: Num;
  max_abs: Num;
  norm_a: Num;
  norm_b: Num;
}

type ChangeColumns = { [K in keyof Change]: Num[] };

export interface LayerChanges extends ChangeColumns {
  layer: string[];
  variables: number[];
  unchanged: number[];
  of_optimizer: boolean[];
}

export interface VariableChanges extends ChangeColumns {
  name: string[];
  layer: string[];
  dtype: string[];
  shape: number[][];
  of_optimizer: boolean[];
  basis: Basis[];
  equal: (boolean | null)[];
  mean_a: Num[];
  mean_b: Num[];
  std_a: Num[];
  std_b: Num[];
  min_a: Num[];
  min_b: Num[];
  max_a: Num[];
  max_b: Num[];
  not_finite: number[];
  note: string[];
}

/** How far a comparison has come. */
export interface DiffProgress {
  finished: boolean;
  /** Variables, of those that are in both. */
  compared: number;
  variables: number;
  read_bytes: number;
  total_bytes: number;
}

export interface Diff {
  run: string;
  run_b: string;
  a: string;
  b: string;
  progress: DiffProgress;
  /** Null until it is finished, like `weights`. */
  sentence: string | null;
  notes: string[];
  weights: Change | null;
  layers: LayerChanges;
  variables: VariableChanges;
  only_in_a: string[];
  only_in_b: string[];
}

export interface ScalarTags {
  run: string;
  tags: string[];
}

export interface Scalars {
  run: string;
  tag: string;
  step: number[];
  wall_time: number[];
  value: Num[];
}

export interface RestoreAnswer {
  run: string;
  id: string;
  path: string;
  size_bytes: number;
  digest: string;
  created: boolean;
  message: string;
}

export interface Annotation extends Note {
  run: string;
  id: string;
  pinned: boolean;
  message: string;
}

export interface PruneSteps {
  id: string[];
  epoch: number[];
  name: string[];
  size_bytes: number[];
  why: string[];
}

/** What a prune would do. */
export interface PrunePlan {
  run: string;
  policy: string;
  goes: PruneSteps;
  /** Named, and yet they stay. */
  stays: PruneSteps;
  count: number;
  frees_bytes: number;
  left_bytes: number;
  message: string;
  commands: Commands;
}

export interface PruneAnswer {
  run: string;
  deleted: string[];
  /** Those of them that can be taken back. */
  trashed: string[];
  freed_bytes: number;
  problems: string[];
  message: string;
}

export interface UndoAnswer {
  run: string;
  recovered: string[];
  message: string;
}

/** What a mean would be made of. */
export interface MeanPlan {
  run: string;
  ids: string[];
  message: string;
  commands: Commands;
}

export interface MeanAnswer {
  run: string;
  path: string;
  message: string;
}

export const STOP_VERDICTS = ['earlier', 'at_end', 'later', 'never'] as const;

/** When something would have happened. */
export interface AssumedMoment {
  session: number;
  epoch: number;
  step: number;
  wall_time: number;
}

export interface EarlyStoppingRule {
  monitor: string;
  mode: Direction;
  min_delta: Num;
  patience: number;
  baseline: Num;
  start_from_epoch: number;
}

export interface PlateauRule {
  monitor: string;
  mode: Direction;
  min_delta: Num;
  patience: number;
  factor: Num;
  cooldown: number;
  min_lr: Num;
}

export interface AssumedStop extends AssumedMoment {
  verdict: (typeof STOP_VERDICTS)[number];
  /** Whether the training would have been the same up to there. */
  exact: boolean;
}

export interface AssumedCut extends AssumedMoment {
  optimizer: string;
  lr_before: Num;
  lr_after: Num;
  /** Whether the training did the same. */
  recorded: boolean;
  exact: boolean;
}

/** What other settings would have done. */
export interface WhatIf {
  run: string;
  epochs: number;
  /** What was replayed; null for none. */
  early_stopping: EarlyStoppingRule | null;
  reduce_lr: PlateauRule | null;
  recorded: { early_stopping: EarlyStoppingRule | null; reduce_lr: PlateauRule | null };
  stop: AssumedStop | null;
  cuts: AssumedCut[];
  /** First zero-based epoch that would have been another. */
  differs_from: number | null;
  checkpoints: { kept: string[]; pruned: string[]; never: string[] };
  sentences: string[];
  notes: string[];
  commands: Commands;
}

/** The story of a run, as `epochline why` tells it. */
export interface Story {
  run: string;
  lines: StoryLines;
}

export interface StoryLines {
  session: number[];
  epoch: number[];
  wall_time: number[];
  kind: StoryKind[];
  verdict: string[];
  sentence: string[];
  /** Id of the checkpoint that a line is about. */
  checkpoint: (string | null)[];
  /** Place of its decision in the outline of the run. */
  decision: (number | null)[];
}

/** How a running training goes back to a checkpoint. */
export interface LiveChoices {
  optimizer: boolean;
  /** `keep`, `checkpoint` or a number. */
  learning_rate: string;
  counters: 'keep' | 'reset';
}

/** What a running training is asked for. */
export interface LiveRequest extends LiveChoices {
  run: string;
  /** 32 hexadecimal digits, the first twelve the time in milliseconds. */
  request: string;
  action: LiveAction;
  /** Id, for `restore`; else empty. */
  checkpoint: string;
  dry_run: boolean;
}

/** What became of it, so far. */
export interface LiveAnswer {
  run: string;
  request: string;
  final: boolean;
  action: LiveAction | null;
  outcome: Outcome;
  message: string;
  wall_time: number;
  dry_run: boolean;
  checkpoint: string;
  /** Id of the checkpoint that holds the state before a restore. */
  undo: string;
  restored: number;
  total: number;
  learning_rate_before: Num;
  learning_rate_after: Num;
  /** What happens, what does not, how to undo it. */
  plan: string[];
  layers: { layer: string; relative_change: number | null }[];
}

/** Whether a training listens, and the commands that ask it for the same. */
export interface LiveState {
  run: string;
  listening: boolean;
  paused: boolean;
  message: string;
  commands: Record<Exclude<LiveAction, 'restore'>, Commands>;
  /** Of the checkpoint that was named. */
  restore: Commands | null;
}
