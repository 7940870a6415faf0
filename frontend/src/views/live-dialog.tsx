/** Restore into the running training: what of the checkpoint, what then happens, and the confirmation. */
import { useState } from 'preact/hooks';
import type { CheckpointDetail, LiveAnswer, LiveState } from '../api/types';
import { formatEpoch, formatPercent } from '../model/format';
import { choicesOf, firstForm, type LiveForm, OUTCOME_LABEL } from '../model/live';
import { ask, newRequest } from '../state/asking';
import { usePanel } from '../state/context';
import { ByHand, FoldedByHand } from './by-hand';
import { Dialog } from './dialog';
import { FailureText } from './failure-text';
import { LiveChoice } from './live-choice';
import { TokenForm } from './token-form';
import { useDeed } from './use-deed';
import { useLivePlan } from './use-live-plan';
import { type Answer, useRequest } from './use-request';

interface Props {
  readonly detail: CheckpointDetail;
  readonly onClose: () => void;
}

export function LiveDialog({ detail, onClose }: Props) {
  const panel = usePanel();
  const { store } = panel;
  const { run, id } = detail;
  const { allowed, reason, hint } = store.livePermission.value;
  const [form, setForm] = useState(() => firstForm(detail.has_optimizer));
  const choices = choicesOf(form);
  const there = useListener(detail, form);
  const listening = there.state === 'done' && there.value.listening;
  const tokenWanted = allowed && store.tokenWanted.value;
  const [tokens, setTokens] = useState(0);
  const askable = listening && allowed && !tokenWanted;
  const plan = useLivePlan(run, id, askable ? choices : null);
  const ready = askable && plan.state === 'done' && plan.value.outcome === 'done';
  const { busy, failure, run: act } = useDeed();
  const what = `Restore epoch ${formatEpoch(detail.epoch)}`;
  const restore = async () => {
    if (!ready || choices === null) return;
    const request = newRequest(run, 'restore', { checkpoint: id, ...choices });
    if (await act(() => ask(panel, request, what))) onClose();
  };
  return (
    <Dialog
      wide
      title={`${what} into the running training of “${run}”?`}
      closing={listening ? 'Cancel' : 'Close'}
      focus={tokens}
      onClose={onClose}
      buttons={
        listening && (
          <button
            type="button"
            class="button primary"
            aria-disabled={!ready || busy}
            aria-describedby={allowed ? undefined : 'live-restore-reason'}
            onClick={restore}
          >
            {busy ? 'Asking…' : 'Restore into the training'}
          </button>
        )
      }
    >
      {there.state === 'waiting' && <p role="status">Asking whether the training listens…</p>}
      {there.state === 'failed' && <FailureText failure={there.failure} />}
      {there.state === 'done' && !listening && <Nobody there={there.value} detail={detail} />}
      {there.state === 'done' && listening && (
        <>
          <LiveChoice form={form} hasOptimizer={detail.has_optimizer} onChange={setForm} />
          {!allowed && (
            <p class="note" id="live-restore-reason">
              Restoring from here is off. {reason} {hint} The command below does the same.
            </p>
          )}
          {tokenWanted && <TokenForm onUse={() => setTokens(tokens + 1)} />}
          {askable && choices !== null && <Plan plan={plan} />}
          {failure && !tokenWanted && <FailureText failure={failure} />}
          <Commands there={there.value} open={!allowed || failure !== null} />
        </>
      )}
    </Dialog>
  );
}

/** Whether the training listens, and the command for these choices. */
function useListener({ run, id }: CheckpointDetail, form: LiveForm): Answer<LiveState> {
  const { api } = usePanel();
  const choices = choicesOf(form);
  const named = choices === null ? undefined : { checkpoint: id, ...choices };
  return useRequest(() => api.liveState(run, named), JSON.stringify(named ?? null));
}

/** Why there is no training to ask, and the other ways to the weights. */
function Nobody({ there, detail }: { there: LiveState; detail: CheckpointDetail }) {
  return (
    <>
      <p class="note" role="status">
        {there.message}
      </p>
      <p>
        The checkpoint can be restored to a file, with <em>Restore to file…</em> or from a shell, or
        into a model in Python:
      </p>
      <ByHand commands={detail.snippets} action="restore" />
    </>
  );
}

function Plan({ plan }: { plan: Answer<LiveAnswer> }) {
  if (plan.state === 'failed') return <FailureText failure={plan.failure} />;
  return (
    <div class="live-plan" role="status">
      {plan.state === 'waiting' ? (
        <p class="muted">
          Asking the training what would happen. It answers before its next batch…
        </p>
      ) : plan.value.outcome === 'done' ? (
        <Told answer={plan.value} />
      ) : (
        <p class="note bad">
          <strong>{OUTCOME_LABEL[plan.value.outcome]}.</strong> {plan.value.message}
        </p>
      )}
    </div>
  );
}

const MOST_LAYERS = 5;

function Told({ answer: { plan, layers } }: { answer: LiveAnswer }) {
  const shown = layers.slice(0, MOST_LAYERS);
  return (
    <>
      <h3>What will happen</h3>
      <ul>
        {plan.map((sentence) => (
          <li key={sentence} dir="auto">
            {sentence}
          </li>
        ))}
      </ul>
      {shown.length > 0 && (
        <p class="muted">
          Changes most:{' '}
          {shown.map(({ layer, relative_change }, index) => (
            <span key={layer}>
              {index > 0 && ', '}
              <bdi>{layer}</bdi> {formatPercent(relative_change)}
            </span>
          ))}
          {layers.length > shown.length && ` and ${layers.length - shown.length} more layers`}.
        </p>
      )}
    </>
  );
}

function Commands({ there, open }: { there: LiveState; open: boolean }) {
  if (there.restore === null) return null;
  const Shown = open ? ByHand : FoldedByHand;
  return <Shown commands={there.restore} action="restore into the training" />;
}
