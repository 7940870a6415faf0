/**
 * Asks the plugin's routes and returns checked answers.
 *
 * All URLs are relative to TensorBoard's plugin base, so a path prefix or proxy needs no knowledge here.
 * A failure is one of two: the server answered with an error in words (`ApiError`), or it did not
 * answer in our language at all (`Unreachable`).
 */
import type { Question } from '../model/question';
import { type Decoder, decode, ShapeError } from './decode';
import type {
  Annotation,
  CheckpointDetail,
  Diff,
  ErrorCode,
  LiveAnswer,
  LiveChoices,
  LiveRequest,
  LiveState,
  MeanAnswer,
  MeanPlan,
  Note,
  PruneAnswer,
  PrunePlan,
  RestoreAnswer,
  Runs,
  Story,
  Timeline,
  Timelines,
  UndoAnswer,
  Weights,
  WhatIf,
} from './types';

const TIMEOUT_MS = 30_000;

/** The server refused or failed, and said so. */
export class ApiError extends Error {
  readonly code: ErrorCode | 'unexpected';
  readonly hint: string;

  constructor(code: ErrorCode | 'unexpected', message: string, hint: string) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.hint = hint;
  }
}

/** There was no answer, or one that is not from the plugin. */
export class Unreachable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'Unreachable';
  }
}

export interface Api {
  /** The same object as before when nothing changed. */
  runs(): Promise<Runs>;
  /**
   * What charts and table need of some runs; of the decisions only those that did something.
   *
   * `take` gets the answers as they come: the server needs a while for a hundred long runs.
   */
  timelines(runs: readonly string[], take: (part: Timelines) => void): Promise<void>;
  /** All of one run, with the decisions that left things as they were. */
  timeline(run: string): Promise<Timeline>;
  checkpoint(run: string, id: string, verify: boolean): Promise<CheckpointDetail>;
  /** What was recorded of the variables of a checkpoint. */
  weights(run: string, id: string): Promise<Weights>;
  /** Goes on with a comparison for a moment, and answers what is known by then. */
  diff(a: Named, b: Named, signal: AbortSignal): Promise<Diff>;
  /** The story of a run, as `epochline why` tells it. */
  why(run: string): Promise<Story>;
  /** What other settings would have done; those that are not given are as they were. */
  whatIf(question: Question): Promise<WhatIf>;
  /** The run as one HTML file. */
  report(run: string): Promise<string>;
  /** What a prune would do; changes nothing. */
  plan(run: string, rule: PruneRule): Promise<PrunePlan>;
  restore(run: string, id: string): Promise<RestoreAnswer>;
  pin(run: string, id: string, pinned: boolean): Promise<Annotation>;
  annotate(run: string, id: string, note: Note): Promise<Annotation>;
  prune(run: string, ids: readonly string[]): Promise<PruneAnswer>;
  undo(run: string, ids: readonly string[]): Promise<UndoAnswer>;
  /** What an average would make; makes nothing. */
  meanPlan(run: string, ids: readonly string[]): Promise<MeanPlan>;
  average(run: string, ids: readonly string[]): Promise<MeanAnswer>;
  /** Whether the training of a run listens, and what asks it for the same; `restore` for the one named. */
  liveState(run: string, restore?: LiveChoices & { checkpoint: string }): Promise<LiveState>;
  /** Asks a running training; sending it again asks once. The token is empty where none is needed. */
  live(request: LiveRequest, token: string): Promise<LiveAnswer>;
  /** What became of it by now. */
  liveAnswer(run: string, request: string): Promise<LiveAnswer>;
}

/** A checkpoint by its run and id. */
export interface Named {
  readonly run: string;
  readonly id: string;
}

/** What goes: the named ones, or all but the newest and the best. */
export type PruneRule =
  | { readonly ids: readonly string[] }
  | { readonly last: number; readonly best: number; readonly metric: string };

async function send(url: string, init: RequestInit): Promise<Response> {
  try {
    return await fetch(url, {
      cache: 'no-store',
      signal: AbortSignal.timeout(TIMEOUT_MS),
      ...init,
    });
  } catch (cause) {
    throw new Unreachable(cause instanceof Error ? cause.message : String(cause));
  }
}

async function body(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch {
    throw new Unreachable(`The answer (${response.status}) is not JSON.`);
  }
}

const asText: Decoder<string> = (value) => String(value);

/** An answer that is no JSON, unless it is a refusal. */
async function readText(response: Response): Promise<string> {
  if (!response.ok) return read(response, asText);
  try {
    return await response.text();
  } catch {
    throw new Unreachable('The answer ended before it was whole.');
  }
}

async function read<T>(response: Response, decoder: Decoder<T>): Promise<T> {
  const value = await body(response);
  try {
    if (!response.ok) {
      const { code, message, hint } = decode.error(value, 'answer').error;
      throw new ApiError(code, message, hint);
    }
    return decoder(value, 'answer');
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    throw new ApiError(
      'unexpected',
      `TensorBoard sent an answer that this page does not understand: ${cause.message}.`,
      'The plugin may have been updated. Restart TensorBoard and reload this page.',
    );
  }
}

function query(route: string, parameters: Record<string, string>): string {
  return `./${route}?${new URLSearchParams(parameters)}`;
}

/** Asks for a change. How long it takes is up to the disk. */
async function post<T>(
  route: string,
  value: object,
  decoder: Decoder<T>,
  headers: Record<string, string> = {},
): Promise<T> {
  const response = await send(`./${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', 'X-XSRF-Protected': '1', ...headers },
    body: JSON.stringify(value),
    signal: null,
  });
  return read(response, decoder);
}

/** Proxies refuse longer addresses. */
const LONGEST_URL = 6_000;
/** So many runs are one answer: few enough that none of them takes long. */
const RUNS_PER_REQUEST = 12;
/** Browsers open six connections per server; the others are left for what the user asks for. */
const PARALLEL = 3;

/** The addresses that ask for all runs. */
function urlsOf(runs: readonly string[]): string[] {
  const urls: string[] = [];
  let count = 0;
  for (const run of runs) {
    const next = new URLSearchParams({ run }).toString();
    const last = urls.at(-1);
    if (
      last === undefined ||
      ++count > RUNS_PER_REQUEST ||
      last.length + next.length > LONGEST_URL
    ) {
      urls.push(`./timelines?${next}`);
      count = 1;
    } else urls[urls.length - 1] = `${last}&${next}`;
  }
  return urls;
}

async function inParallel<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const worker = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
}

/** An `Api` that talks to the server this page came from. */
export function httpApi(): Api {
  let last: { etag: string; answer: Runs } | null = null;
  return {
    async runs() {
      const headers: Record<string, string> = last === null ? {} : { 'If-None-Match': last.etag };
      const response = await send('./runs', { headers });
      if (response.status === 304 && last !== null) return last.answer;
      const answer = await read(response, decode.runs);
      const etag = response.headers.get('ETag');
      last = etag === null ? null : { etag, answer };
      return answer;
    },
    async timelines(runs, take) {
      const ask = async (url: string): Promise<void> => {
        const part = await read(await send(url, {}), decode.timelines);
        take(part);
        for (const next of urlsOf(part.pending)) await ask(next);
      };
      await inParallel(urlsOf(runs), ask);
    },
    async timeline(run) {
      return read(await send(query('timeline', { run }), {}), decode.timeline);
    },
    async checkpoint(run, id, verify) {
      const url = query('checkpoint', verify ? { run, id, verify: '1' } : { run, id });
      // Reading a large file again takes as long as the disk needs.
      return read(await send(url, verify ? { signal: null } : {}), decode.checkpoint);
    },
    async diff(a, b, signal) {
      const { run } = a;
      const url = query('diff', { run, a: a.id, b: b.id, run_b: b.run });
      return read(await send(url, { signal }), decode.diff);
    },
    async weights(run, id) {
      return read(await send(query('weights', { run, id }), {}), decode.weights);
    },
    async why(run) {
      return read(await send(query('why', { run }), {}), decode.why);
    },
    async whatIf({ run, settings }) {
      return read(await send(query('whatif', { run, ...settings }), {}), decode.whatIf);
    },
    async report(run) {
      return readText(await send(query('report', { run }), {}));
    },
    async plan(run, rule) {
      const texts: Record<string, string> =
        'ids' in rule
          ? { ids: rule.ids.join(',') }
          : { last: String(rule.last), best: String(rule.best), metric: rule.metric };
      return read(await send(query('plan', { run, ...texts }), {}), decode.plan);
    },
    restore: (run, id) => post('restore', { run, id, to: 'file' }, decode.restore),
    pin: (run, id, pinned) => post('pin', { run, id, pinned }, decode.annotation),
    annotate: (run, id, { note, tags }) =>
      post('annotate', { run, id, note, tags }, decode.annotation),
    prune: (run, ids) => post('prune', { run, ids }, decode.prune),
    undo: (run, ids) => post('undo', { run, ids }, decode.undo),
    async meanPlan(run, ids) {
      return read(await send(query('mean', { run, ids: ids.join(',') }), {}), decode.meanPlan);
    },
    average: (run, ids) => post('average', { run, ids }, decode.mean),
    async liveState(run, restore) {
      const choices = restore && { ...restore, optimizer: restore.optimizer ? '1' : '0' };
      return read(await send(query('live_state', { run, ...choices }), {}), decode.liveState);
    },
    live: (request, token) =>
      post('live', request, decode.liveAnswer, token === '' ? {} : { 'X-Epochline-Token': token }),
    async liveAnswer(run, request) {
      return read(await send(query('live_answer', { run, request }), {}), decode.liveAnswer);
    },
  };
}
