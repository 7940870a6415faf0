/**
 * The comparison of two files by the server, piece by piece: the server goes on only while it is asked.
 *
 * Invariant: nothing is asked while the panel is hidden, stopped or closed, nor with a question under way.
 */
import { useEffect, useState } from 'preact/hooks';
import type { Named } from '../api/client';
import type { Diff } from '../api/types';
import { isHidden, watchVisibility } from '../host/tensorboard';
import { usePanel } from '../state/context';
import { type Failure, toFailure } from './use-request';

export interface Comparison {
  readonly state: 'reading' | 'stopped' | 'done' | 'failed';
  /** What is known by now; null before the first answer. */
  readonly diff: Diff | null;
  /** Whether `diff` is still that of the pair before, so that a walk along a run does not flicker. */
  readonly stale: boolean;
  readonly failure: Failure | null;
}

const BEGUN: Comparison = { state: 'reading', diff: null, stale: false, failure: null };

const ended = (
  { diff, stale }: Comparison,
  state: Comparison['state'],
  failure: Failure | null = null,
): Comparison => ({ state, diff: stale ? null : diff, stale: false, failure });

/** Resolves at once while the panel is seen, else as soon as it is. */
function seen(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (!isHidden()) return resolve();
    const stop = watchVisibility((visible) => {
      if (!visible) return;
      stop();
      resolve();
    });
    signal.addEventListener('abort', stop);
  });
}

export function useDiff(a: Named, b: Named) {
  const { api, store } = usePanel();
  const [comparison, set] = useState(BEGUN);
  const [going, setGoing] = useState(true);
  const subject = `${a.run}\n${a.id}\n${b.run}\n${b.id}`;
  useEffect(() => {
    set(({ diff }) => ({ ...BEGUN, diff, stale: diff !== null }));
    setGoing(true);
  }, [subject]);
  useEffect(() => {
    if (!going) return;
    const controller = new AbortController();
    const { signal } = controller;
    const ask = async () => {
      for (let finished = false; !finished; ) {
        await seen(signal);
        const diff = await api.diff(a, b, signal);
        if (signal.aborted) return;
        finished = diff.progress.finished;
        set({ ...BEGUN, state: finished ? 'done' : 'reading', diff });
        if (finished) store.announcement.value = diff.sentence ?? '';
      }
    };
    ask().catch((cause) => {
      if (signal.aborted) return;
      const failure = toFailure(cause);
      set((before) => ended(before, 'failed', failure));
      setGoing(false);
    });
    return () => controller.abort();
  }, [subject, going]);
  return {
    comparison,
    stop() {
      setGoing(false);
      set((before) => ended(before, 'stopped'));
      store.announcement.value = 'Stopped comparing.';
    },
    goOn() {
      set((before) => ended(before, 'reading'));
      setGoing(true);
    },
  };
}
