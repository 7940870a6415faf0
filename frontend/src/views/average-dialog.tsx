/** Says what the mean of the marked checkpoints would be, makes it, and says where it is. */
import { useRef, useState } from 'preact/hooks';
import type { MeanAnswer } from '../api/types';
import { usePanel } from '../state/context';
import { ByHand, FoldedByHand } from './by-hand';
import { CopyButton } from './copy-button';
import { Dialog } from './dialog';
import { FailureText } from './failure-text';
import { type Failure, toFailure, useRequest } from './use-request';

type Progress =
  | { readonly state: 'asking' | 'working' }
  | { readonly state: 'done'; readonly answer: MeanAnswer }
  | { readonly state: 'failed'; readonly failure: Failure };

const TITLE: Partial<Record<Progress['state'], string>> = {
  done: 'The mean is ready',
  failed: 'No mean was written',
};

export function AverageDialog({ onClose }: { onClose: () => void }) {
  const { api, store, refresh } = usePanel();
  const { allowed, reason, hint } = store.changePermission.value;
  const rows = useRef(store.markedRows.peek()).current;
  const run = rows[0]?.run ?? '';
  const ids = rows.map(({ id }) => id);
  const plan = useRequest(() => api.meanPlan(run, ids), ids.join());
  const [progress, setProgress] = useState<Progress>({ state: 'asking' });
  const { state } = progress;
  const open = state === 'asking' || state === 'working';
  const ready = allowed && plan.state === 'done' && state === 'asking';
  const average = async () => {
    setProgress({ state: 'working' });
    try {
      const answer = await api.average(run, ids);
      store.announcement.value = answer.message;
      setProgress({ state: 'done', answer });
    } catch (cause) {
      setProgress({ state: 'failed', failure: toFailure(cause) });
    } finally {
      refresh();
    }
  };
  return (
    <Dialog
      title={TITLE[state] ?? 'Average the marked checkpoints?'}
      closing={open ? 'Cancel' : 'Close'}
      focus={state}
      onClose={onClose}
      buttons={
        open && (
          <button
            type="button"
            class="button primary"
            aria-disabled={!ready}
            aria-describedby={allowed ? undefined : 'average-reason'}
            onClick={() => ready && average()}
          >
            {state === 'working' ? 'Averaging…' : 'Average'}
          </button>
        )
      }
    >
      {open && plan.state === 'waiting' && <p role="status">Asking what it would be…</p>}
      {open && plan.state === 'failed' && <FailureText failure={plan.failure} />}
      {plan.state === 'done' && state !== 'done' && (
        <>
          {open && <p dir="auto">{plan.value.message}</p>}
          {allowed && open ? (
            <FoldedByHand commands={plan.value.commands} action="average" />
          ) : (
            <ByHand commands={plan.value.commands} action="average" />
          )}
        </>
      )}
      {!allowed && (
        <p class="note" id="average-reason">
          Averaging from here is off. {reason} {hint} The command above does the same.
        </p>
      )}
      {progress.state === 'failed' && <FailureText failure={progress.failure} />}
      {progress.state === 'done' && (
        <>
          <p>{progress.answer.message}</p>
          <p class="path boxed" dir="auto">
            {progress.answer.path}
          </p>
          <CopyButton text={progress.answer.path} label="Copy path of the mean" />
        </>
      )}
    </Dialog>
  );
}
