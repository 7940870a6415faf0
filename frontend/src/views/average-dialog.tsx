/** Says what the mean of the marked checkpoints would be, makes it, and says where it is. */
import { useRef, useState } from 'preact/hooks';
import type { MeanAnswer } from '../api/types';
import { usePanel } from '../state/context';
import { ByHand, FoldedByHand } from './by-hand';
import { CopyButton } from './copy-button';
import { Dialog } from './dialog';
import { FailureText } from './failure-text';
import { useDeed } from './use-deed';
import { useRequest } from './use-request';

const TITLE = {
  asking: 'Average the marked checkpoints?',
  done: 'The mean is ready',
  failed: 'No mean was written',
};

export function AverageDialog({ onClose }: { onClose: () => void }) {
  const { api, store } = usePanel();
  const { allowed, reason, hint } = store.changePermission.value;
  const rows = useRef(store.markedRows.peek()).current;
  const run = rows[0]?.run ?? '';
  const ids = rows.map(({ id }) => id);
  const plan = useRequest(() => api.meanPlan(run, ids), ids.join());
  const [answer, setAnswer] = useState<MeanAnswer | null>(null);
  const { busy, failure, run: act } = useDeed();
  const state = answer ? 'done' : failure ? 'failed' : 'asking';
  const open = state === 'asking';
  const ready = allowed && plan.state === 'done' && !busy;
  const average = async () => setAnswer(await act(() => api.average(run, ids)));
  return (
    <Dialog
      title={TITLE[state]}
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
            {busy ? 'Averaging…' : 'Average'}
          </button>
        )
      }
    >
      {open && plan.state === 'waiting' && <p role="status">Asking what it would be…</p>}
      {open && plan.state === 'failed' && <FailureText failure={plan.failure} />}
      {plan.state === 'done' && answer === null && (
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
      {failure && <FailureText failure={failure} />}
      {answer && (
        <>
          <p>{answer.message}</p>
          <p class="path boxed" dir="auto">
            {answer.path}
          </p>
          <CopyButton text={answer.path} label="Copy path of the mean" />
        </>
      )}
    </Dialog>
  );
}
