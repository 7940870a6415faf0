/** The comparison of two files by the server: under way and for how long, stopped, done or refused. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Named } from '../api/client';
import type { Diff } from '../api/types';
import { usePanel } from '../state/context';
import { type Failure, toFailure } from './use-request';

export type Comparison =
  | { readonly state: 'reading'; readonly seconds: number }
  | { readonly state: 'stopped' }
  | { readonly state: 'done'; readonly diff: Diff }
  | { readonly state: 'failed'; readonly failure: Failure };

/** The start again of a comparison that was stopped is a new `attempt`. */
export function useDiff(a: Named, b: Named) {
  const { api, store } = usePanel();
  const [attempt, setAttempt] = useState(0);
  const [comparison, set] = useState<Comparison>({ state: 'reading', seconds: 0 });
  const abort = useRef(new AbortController());
  useEffect(() => {
    const controller = new AbortController();
    abort.current = controller;
    set({ state: 'reading', seconds: 0 });
    const started = performance.now();
    const clock = setInterval(() => {
      set({ state: 'reading', seconds: Math.round((performance.now() - started) / 1000) });
    }, 1000);
    const end = (next: () => Comparison) => {
      clearInterval(clock);
      if (!controller.signal.aborted) set(next());
    };
    api.diff(a, b, controller.signal).then(
      (diff) => {
        end(() => ({ state: 'done', diff }));
        if (!controller.signal.aborted) store.announcement.value = diff.sentence;
      },
      (cause) => end(() => ({ state: 'failed', failure: toFailure(cause) })),
    );
    return () => {
      clearInterval(clock);
      controller.abort();
    };
  }, [a.run, a.id, b.run, b.id, attempt]);
  return {
    comparison,
    again: () => setAttempt(attempt + 1),
    stop() {
      abort.current.abort();
      set({ state: 'stopped' });
    },
  };
}
