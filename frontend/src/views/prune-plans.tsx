/** What a prune would do to each run: what goes and why, what stays though it was named, the command. */
import type { PrunePlan, PruneSteps } from '../api/types';
import { formatBytes, formatEpoch, plural } from '../model/format';
import { targetKey } from '../model/target';
import { useStore } from '../state/context';
import { ByHand, FoldedByHand } from './by-hand';

/** So many are listed; of the others their number. */
const LISTED = 100;

interface Props {
  readonly plans: readonly PrunePlan[];
  /** Whether the commands are shown at once. */
  readonly open: boolean;
  /** Whether the marked ones go, which is reason enough. */
  readonly named: boolean;
}

export function Plans({ plans, open, named }: Props) {
  return (
    <div class="plans">
      {plans.map((plan) => (
        <section key={plan.run} aria-label={plan.run}>
          <h3>
            <bdi>{plan.run}</bdi>
          </h3>
          <p>{plan.message}</p>
          <Steps run={plan.run} steps={plan.goes} label={`What goes of ${plan.run}`} why={!named} />
          {plan.stays.id.length > 0 && (
            <>
              <p>Marked, but they stay:</p>
              <Steps run={plan.run} steps={plan.stays} label={`What stays of ${plan.run}`} why />
            </>
          )}
          {plan.goes.id.length > 0 &&
            (open ? (
              <ByHand commands={plan.commands} action={`prune ${plan.run}`} />
            ) : (
              <FoldedByHand commands={plan.commands} action={`prune ${plan.run}`} />
            ))}
        </section>
      ))}
    </div>
  );
}

interface StepsProps {
  readonly run: string;
  readonly steps: PruneSteps;
  readonly label: string;
  readonly why: boolean;
}

function Steps({ run, steps, label, why }: StepsProps) {
  const { bestKeys, choice } = useStore();
  const isBest = (id: string) => bestKeys.value.has(targetKey({ kind: 'checkpoint', run, id }));
  const count = steps.id.length;
  if (count === 0) return null;
  return (
    <div class="steps" role="region" aria-label={label} tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th>Epoch</th>
            <th>File</th>
            <th>Size</th>
            {why && <th>Why</th>}
          </tr>
        </thead>
        <tbody>
          {steps.id.slice(0, LISTED).map((id, i) => (
            <tr key={id}>
              <td class="numeric">{formatEpoch(steps.epoch[i] ?? 0)}</td>
              <td class="step-file">
                <bdi>{steps.name[i]}</bdi>
                {isBest(id) && <span class="chip">★ best by {choice.value?.rank}</span>}
              </td>
              <td class="numeric">{formatBytes(steps.size_bytes[i])}</td>
              {why && <td>{steps.why[i]}</td>}
            </tr>
          ))}
        </tbody>
      </table>
      {count > LISTED && <p class="muted">and {plural(count - LISTED, 'other')}</p>}
    </div>
  );
}
