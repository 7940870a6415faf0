/** One question to the server, asked when its subject changes; a late answer to an old one is dropped. */
import { useEffect, useState } from 'preact/hooks';
import { ApiError, Unreachable } from '../api/client';

/** A failure in words: what happened, and what to do. */
export interface Failure {
  readonly code: ApiError['code'] | 'unreachable';
  readonly message: string;
  readonly hint: string;
}

export function toFailure(cause: unknown): Failure {
  if (cause instanceof ApiError) {
    const { code, message, hint } = cause;
    return { code, message, hint };
  }
  if (!(cause instanceof Unreachable)) throw cause;
  return {
    code: 'unreachable',
    message: 'TensorBoard does not answer.',
    hint: 'Check that it is still running, then try again.',
  };
}

export type Answer<T> =
  | { readonly state: 'waiting' }
  | { readonly state: 'done'; readonly value: T }
  | { readonly state: 'failed'; readonly failure: Failure };

export function useRequest<T>(ask: () => Promise<T>, subject: string): Answer<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ state: 'waiting' });
  useEffect(() => {
    let current = true;
    ask().then(
      (value) => current && setAnswer({ state: 'done', value }),
      (cause) => current && setAnswer({ state: 'failed', failure: toFailure(cause) }),
    );
    return () => {
      current = false;
    };
  }, [subject]);
  return answer;
}
