/** Chooses what goes, says what that frees and why, does it, and takes it back. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { PruneRule } from '../api/client';
import type { PruneAnswer, PrunePlan } from '../api/types';
import { formatBytes, formatInteger, plural } from '../model/format';
import { marksByRun, type Rule, ruleFor } from '../model/prune';
import { usePanel } from '../state/context';
import { Dialog } from './dialog';
import { FailureText } from './failure-text';
import { Plans } from './prune-plans';
import { RuleChoice } from './rule-choice';
import { type Failure, toFailure } from './use-request';

/** Typing a number asks once. */
const PAUSE_MS = 250;

type Asked =
  | { readonly state: 'waiting' }
  | { readonly state: 'told'; readonly plans: readonly PrunePlan[] }
  | { readonly state: 'failed'; readonly failure: Failure };

type Progress =
  | { readonly state: 'choosing' | 'working' }
  | { readonly state: 'done'; readonly answers: readonly PruneAnswer[]; readonly undone: string }
  | { readonly state: 'failed'; readonly failure: Failure };

function usePlans(rule: Rule): Asked {
  const { api, store } = usePanel();
  const [asked, setAsked] = useState<Asked>({ state: 'waiting' });
  const runs = rule.kind === 'marked' ? marksByRun(store.markedRows.peek()) : null;
  const names = runs ? [...runs.keys()] : store.shownModels.peek().map(({ name }) => name);
  useEffect(() => {
    let current = true;
    const ask = async () => {
      const plans: PrunePlan[] = [];
      for (const run of names) {
        const one: PruneRule | null = ruleFor(rule, runs?.get(run) ?? []);
        if (one === null) continue;
        plans.push(await api.plan(run, one));
        if (!current) return;
      }
      setAsked({ state: 'told', plans });
    };
    setAsked({ state: 'waiting' });
    const timer = setTimeout(() => {
      ask().catch((cause) => current && setAsked({ state: 'failed', failure: toFailure(cause) }));
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [JSON.stringify(rule)]);
  return asked;
}

export function PruneDialog({ onClose }: { onClose: () => void }) {
  const { api, store, refresh } = usePanel();
  const { allowed, reason, hint } = store.changePermission.value;
  const marked = useRef(store.markedRows.peek().length).current;
  const [rule, setRule] = useState<Rule>({
    kind: marked > 0 ? 'marked' : 'rule',
    last: 2,
    best: 3,
    metric: store.choice.peek()?.rank ?? 'loss',
  });
  const asked = usePlans(rule);
  const [progress, setProgress] = useState<Progress>({ state: 'choosing' });
  const plans = asked.state === 'told' ? asked.plans : [];
  const going = plans.filter(({ goes }) => goes.id.length > 0);
  const count = going.reduce((sum, { goes }) => sum + goes.id.length, 0);
  const frees = going.reduce((sum, { frees_bytes }) => sum + frees_bytes, 0);

  /** Runs one after the other: what was done stays told when a later one fails. */
  const doAll = async <T,>(items: readonly T[], act: (item: T) => Promise<unknown>) => {
    try {
      for (const item of items) await act(item);
      return true;
    } catch (cause) {
      setProgress({ state: 'failed', failure: toFailure(cause) });
      return false;
    } finally {
      refresh();
    }
  };
  const prune = async () => {
    if (!allowed || count === 0 || progress.state !== 'choosing') return;
    setProgress({ state: 'working' });
    const answers: PruneAnswer[] = [];
    const done = await doAll(going, async ({ run, goes }) => {
      answers.push(await api.prune(run, goes.id));
    });
    if (!done) return;
    store.marked.value = new Set();
    store.announcement.value = answers.map(({ message }) => message).join(' ');
    setProgress({ state: 'done', answers, undone: '' });
  };
  const undo = async (answers: readonly PruneAnswer[]) => {
    const back: string[] = [];
    const done = await doAll(
      answers.filter(({ trashed }) => trashed.length > 0),
      async ({ run, trashed }) => {
        back.push((await api.undo(run, trashed)).message);
      },
    );
    if (!done) return;
    store.announcement.value = back.join(' ');
    setProgress({ state: 'done', answers: [], undone: back.join(' ') });
  };

  const { state } = progress;
  const choosing = state === 'choosing' || state === 'working';
  const titles = { done: 'Pruned', failed: 'That did not work' };
  return (
    <Dialog
      wide
      title={choosing ? 'Prune checkpoints' : titles[state]}
      closing={choosing ? 'Cancel' : 'Close'}
      focus={state}
      onClose={onClose}
      buttons={
        choosing && (
          <button
            type="button"
            class="button primary"
            aria-disabled={!allowed || count === 0 || state === 'working'}
            aria-describedby={allowed ? undefined : 'prune-reason'}
            onClick={prune}
          >
            {state === 'working' ? 'Removing…' : `Remove ${plural(count, 'checkpoint')}`}
          </button>
        )
      }
    >
      {choosing && (
        <>
          <RuleChoice rule={rule} marked={marked} onChange={setRule} />
          {asked.state === 'waiting' && <p role="status">Asking what would go…</p>}
          {asked.state === 'failed' && <FailureText failure={asked.failure} />}
          {asked.state === 'told' && (
            <>
              <p role="status">
                <strong>
                  {count === 0
                    ? 'Nothing goes.'
                    : `${formatInteger(count)} of ${plural(
                        plans.reduce((sum, plan) => sum + plan.count, 0),
                        'checkpoint',
                      )} ${count === 1 ? 'goes' : 'go'}: ${formatBytes(frees)} freed.`}
                </strong>{' '}
                What goes stays in the trash for up to a week, as long as the disk has room.
              </p>
              <Plans plans={plans} open={!allowed} named={rule.kind === 'marked'} />
            </>
          )}
          {!allowed && (
            <p class="note" id="prune-reason">
              Pruning from here is off. {reason} {hint} The command above does the same.
            </p>
          )}
        </>
      )}
      {progress.state === 'failed' && (
        <>
          <FailureText failure={progress.failure} />
          <Plans plans={going} open named={rule.kind === 'marked'} />
        </>
      )}
      {progress.state === 'done' && <Done {...progress} onUndo={undo} />}
    </Dialog>
  );
}

interface DoneProps {
  readonly answers: readonly PruneAnswer[];
  readonly undone: string;
  readonly onUndo: (answers: readonly PruneAnswer[]) => void;
}

function Done({ answers, undone, onUndo }: DoneProps) {
  if (undone !== '') return <p role="status">{undone}</p>;
  return (
    <>
      {answers.map(({ run, message, problems }) => (
        <div key={run} role="status">
          <p>
            <strong>
              <bdi>{run}</bdi>
            </strong>
            : {message}
          </p>
          {problems.map((problem) => (
            <p key={problem} class="note bad">
              {problem}
            </p>
          ))}
        </div>
      ))}
      {answers.some(({ trashed }) => trashed.length > 0) && (
        <button type="button" class="button" onClick={() => onUndo(answers)}>
          Undo
        </button>
      )}
    </>
  );
}
