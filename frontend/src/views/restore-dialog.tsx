/** Says what *Restore to file* will do before it is done, does it, and says where the copy is. */
import { useState } from 'preact/hooks';
import type { CheckpointDetail, RestoreAnswer } from '../api/types';
import { formatEpoch } from '../model/format';
import { restorePlan } from '../model/words';
import { usePanel } from '../state/context';
import { CodeBlock } from './code-block';
import { CopyButton } from './copy-button';
import { Dialog } from './dialog';
import { FailureText } from './failure-text';
import { type Failure, toFailure } from './use-request';

type Progress =
  | { readonly state: 'asking' | 'working' }
  | { readonly state: 'done'; readonly answer: RestoreAnswer }
  | { readonly state: 'failed'; readonly failure: Failure };

const TITLE: Partial<Record<Progress['state'], string>> = {
  done: 'The copy is ready',
  failed: 'Nothing was copied',
};

interface Props {
  readonly detail: CheckpointDetail;
  readonly onClose: () => void;
}

export function RestoreDialog({ detail, onClose }: Props) {
  const { api, store } = usePanel();
  const [progress, setProgress] = useState<Progress>({ state: 'asking' });
  const restore = async () => {
    setProgress({ state: 'working' });
    try {
      const answer = await api.restore(detail.run, detail.id);
      setProgress({ state: 'done', answer });
      store.announcement.value = answer.message;
    } catch (cause) {
      setProgress({ state: 'failed', failure: toFailure(cause) });
    }
  };
  const { state } = progress;
  const open = state === 'asking' || state === 'working';
  return (
    <Dialog
      title={
        TITLE[state] ?? `Restore epoch ${formatEpoch(detail.epoch)} of “${detail.run}” to a file?`
      }
      closing={open ? 'Cancel' : 'Close'}
      focus={state}
      onClose={onClose}
      buttons={
        open && (
          <button
            type="button"
            class="button primary"
            aria-disabled={state === 'working'}
            onClick={() => state === 'asking' && restore()}
          >
            {state === 'working' ? 'Copying…' : 'Restore to file'}
          </button>
        )
      }
    >
      {open && (
        <>
          <p>TensorBoard will</p>
          <ul>
            {restorePlan(detail).map((item) => (
              <li key={item} dir="auto">
                {item}
              </li>
            ))}
          </ul>
        </>
      )}
      {state === 'done' && <Done answer={progress.answer} />}
      {state === 'failed' && <Refused failure={progress.failure} cli={detail.snippets.cli} />}
    </Dialog>
  );
}

/** Why, and the command where another user or machine may do what TensorBoard may not. */
function Refused({ failure, cli }: { failure: Failure; cli: string }) {
  return (
    <>
      <FailureText failure={failure} />
      {failure.code !== 'conflict' && (
        <>
          <p>The same from a shell:</p>
          <CodeBlock code={cli} label="CLI code" copyLabel="Copy CLI code" />
        </>
      )}
    </>
  );
}

function Done({ answer }: { answer: RestoreAnswer }) {
  return (
    <>
      <p>{answer.message}</p>
      <p class="path boxed" dir="auto">
        {answer.path}
      </p>
      <CopyButton text={answer.path} label="Copy path of the restored file" />
    </>
  );
}
