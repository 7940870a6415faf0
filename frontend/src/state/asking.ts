/**
 * Asks running trainings for something, and follows what becomes of it.
 *
 * Invariant: nothing is asked while the panel is hidden but what the user asks for, and an answer that is
 * final is looked at no more.
 */
import { ApiError, Unreachable } from '../api/client';
import type { LiveAction, LiveAnswer, LiveRequest } from '../api/types';
import { isHidden } from '../host/tensorboard';
import type { Panel } from './context';

/** A request to a running training, and what is known of it. */
export interface Asked {
  readonly request: LiveRequest;
  /** What was asked for, in words. */
  readonly what: string;
  readonly answer: LiveAnswer;
  /** Why no news comes; empty while it does. */
  readonly trouble: string;
}

export const LOOK_EVERY_MS = 1_000;

const hex = (value: number, digits: number) => value.toString(16).padStart(digits, '0');

/** 32 hexadecimal digits; later ones sort behind earlier ones. */
function newId(): string {
  // `crypto.randomUUID` is missing where the page comes by plain http.
  const random = crypto.getRandomValues(new Uint8Array(10));
  return hex(Date.now(), 12) + [...random].map((byte) => hex(byte, 2)).join('');
}

/** A request with the defaults of `http_api.md`. */
export function newRequest(
  run: string,
  action: LiveAction,
  part: Partial<LiveRequest> = {},
): LiveRequest {
  return {
    run,
    request: newId(),
    action,
    checkpoint: '',
    optimizer: true,
    learning_rate: 'checkpoint',
    counters: 'reset',
    dry_run: false,
    ...part,
  };
}

/** Sends a request. Throws what the server refuses; a token that it refuses is asked for again. */
export async function send({ api, store }: Panel, request: LiveRequest): Promise<LiveAnswer> {
  try {
    return await api.live(request, store.liveToken.peek());
  } catch (cause) {
    if (cause instanceof ApiError && cause.code === 'forbidden') {
      store.tokenRefusal.value = `${cause.message} ${cause.hint}`;
      store.liveToken.value = '';
    }
    throw cause;
  }
}

/**
 * Looks for news of a request until its answer is final, or nobody wants to know any more: `tell` gets
 * the news, or why there are none, and returns whether to go on.
 */
export async function follow(
  { api }: Panel,
  { run, request, final }: LiveAnswer,
  tell: (answer: LiveAnswer | null, trouble: string) => boolean,
): Promise<void> {
  let done = final;
  while (!done) {
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    if (isHidden()) continue;
    try {
      const answer = await api.liveAnswer(run, request);
      done = !tell(answer, '') || answer.final;
    } catch (cause) {
      if (cause instanceof Unreachable) {
        done = !tell(null, 'TensorBoard does not answer. Trying again.');
      } else if (cause instanceof ApiError) {
        tell(null, `${cause.message} ${cause.hint}`);
        done = true;
      } else throw cause;
    }
  }
}

/**
 * Asks for something and shows what becomes of it in the strip above the charts, in the place of what
 * that run was asked for before. Throws what the server refuses.
 */
export async function ask(panel: Panel, request: LiveRequest, what: string): Promise<LiveAnswer> {
  const { asked, announcement } = panel.store;
  const first = await send(panel, request);
  const others = asked
    .peek()
    .filter((item) => item.request.run !== request.run || !item.answer.final);
  asked.value = [...others, { request, what, answer: first, trouble: '' }];
  const tell = (answer: LiveAnswer | null, trouble: string) => {
    asked.value = asked
      .peek()
      .map((item) =>
        item.request === request ? { ...item, answer: answer ?? item.answer, trouble } : item,
      );
    if (answer?.final) {
      announcement.value = `${request.run}: ${answer.message}`;
      panel.refresh();
    }
    return asked.peek().some((item) => item.request === request);
  };
  void follow(panel, first, tell);
  return first;
}

/** Takes a line out of the strip. */
export function hide({ store }: Panel, { request }: Asked): void {
  store.asked.value = store.asked.peek().filter((item) => item.request !== request);
}
