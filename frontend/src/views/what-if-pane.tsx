/** Other settings, replayed: what they would have done, in sentences here and as marks on the charts. */
import { useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { WhatIf } from '../api/types';
import { assume } from '../layout/assumed';
import { formatQuestion, type Question, type Settings } from '../model/question';
import { usePanel, useStore } from '../state/context';
import { FoldedByHand } from './by-hand';
import { FailureText } from './failure-text';
import { Sentence } from './sentence';
import { type Failure, toFailure } from './use-request';
import { CutSettings, KeepSettings, StopSettings } from './what-if-settings';

/** Dragging a slider asks once. */
const PAUSE_MS = 150;

interface Asked {
  /** The last answer stays while the next one is waited for. */
  readonly answer: WhatIf | null;
  readonly failure: Failure | null;
}

function useWhatIf(question: Question): Asked {
  const { api, store } = usePanel();
  const [asked, setAsked] = useState<Asked>({ answer: null, failure: null });
  const first = useRef(true);
  const revision = store.models.value.get(question.run)?.timeline.revision;
  useEffect(() => {
    let current = true;
    const pause = first.current ? 0 : PAUSE_MS;
    first.current = false;
    const timer = setTimeout(() => {
      api.whatIf(question).then(
        (answer) => current && setAsked({ answer, failure: null }),
        (cause) => current && setAsked(({ answer }) => ({ answer, failure: toFailure(cause) })),
      );
    }, pause);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [`${formatQuestion(question)} ${revision}`]);
  return asked;
}

/** Puts what would have happened on the charts, for as long as the pane is open. */
function useMarks(answer: WhatIf | null): void {
  const store = useStore();
  const told = useSignal(answer);
  useEffect(() => {
    told.value = answer;
  }, [answer]);
  useSignalEffect(() => {
    const model = store.models.value.get(told.value?.run ?? '');
    if (told.value === null || model === undefined) return;
    const { choice, link } = store;
    store.assumed.value = assume(told.value, {
      model,
      color: store.color(model.name),
      axis: link.value.axis,
      metric: choice.value?.validation ?? choice.value?.train ?? null,
    });
    return () => {
      store.assumed.value = null;
    };
  });
}

export function WhatIfPane({ question }: { question: Question }) {
  const store = useStore();
  const { run, settings } = question;
  const { answer, failure } = useWhatIf(question);
  const own = answer?.run === run ? answer : null;
  useMarks(failure === null ? own : null);
  const change = (part: Settings) => {
    const next = Object.entries({ ...settings, ...part }).filter(([, value]) => value !== '');
    store.change({ whatIf: { run, settings: Object.fromEntries(next) } });
  };
  if (own === null) {
    if (failure !== null) return <FailureText failure={failure} />;
    return <p class="muted">Replaying…</p>;
  }
  const metrics = Object.keys(store.models.value.get(run)?.timeline.history.metrics ?? {});
  const group = { answer: own, settings, metrics, change };
  return (
    <>
      <RunChoice run={run} />
      {failure === null ? <Told answer={own} /> : <FailureText failure={failure} />}
      <form class="what-if" onSubmit={(event) => event.preventDefault()}>
        <StopSettings {...group} />
        <CutSettings {...group} />
        <KeepSettings {...group} />
      </form>
      <button
        type="button"
        class="button"
        aria-disabled={Object.keys(settings).length === 0}
        onClick={() => store.change({ whatIf: { run, settings: {} } })}
      >
        As it was
      </button>
      <FoldedByHand commands={own.commands} action={`what if, ${run}`} />
    </>
  );
}

function Told({ answer }: { answer: WhatIf }) {
  return (
    <div class="told" role="status">
      {answer.sentences.map((sentence, i) => (
        <p key={sentence} class={i === 0 ? 'told-first' : ''} dir="auto">
          <Sentence text={sentence} />
        </p>
      ))}
      {answer.notes.map((note) => (
        <p key={note} class="note" dir="auto">
          <Sentence text={note} />
        </p>
      ))}
    </div>
  );
}

function RunChoice({ run }: { run: string }) {
  const store = useStore();
  const names = [...new Set([run, ...store.shownModels.value.map(({ name }) => name)])];
  if (names.length < 2) return null;
  return (
    <label class="field story-run">
      <span>Run</span>
      <select
        value={run}
        onChange={({ currentTarget }) =>
          store.change({ whatIf: { run: currentTarget.value, settings: {} } })
        }
      >
        {names.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
