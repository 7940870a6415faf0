/** The story of a run, line by line, with what happened where: each line leads to its mark. */
import { useEffect, useRef } from 'preact/hooks';
import type { StoryLines } from '../api/types';
import { decisionShape, type Shape } from '../layout/glyphs';
import { formatEpoch } from '../model/format';
import type { RunModel } from '../model/run';
import { type Target, targetKey } from '../model/target';
import { usePanel, useStore } from '../state/context';
import { FailureText } from './failure-text';
import { GlyphIcon } from './glyph';
import { Icon } from './icon';
import { Sentence } from './sentence';
import { shapeOf } from './shape-of';
import { useRequest } from './use-request';

export function WhyPane({ run }: { run: string }) {
  const { api, store } = usePanel();
  const model = store.models.value.get(run);
  const answer = useRequest(() => api.why(run), `${run} ${model?.timeline.revision}`);
  if (answer.state === 'failed') return <FailureText failure={answer.failure} />;
  if (answer.state === 'waiting' || answer.value.run !== run) {
    return <p class="muted">Reading the story…</p>;
  }
  return (
    <>
      <RunChoice run={run} />
      <Lines lines={answer.value.lines} model={model} run={run} />
    </>
  );
}

function RunChoice({ run }: { run: string }) {
  const store = useStore();
  const names = store.shownModels.value.map(({ name }) => name);
  if (names.length < 2) return null;
  return (
    <label class="field story-run">
      <span>Run</span>
      <select
        value={run}
        onChange={(event) => store.change({ why: event.currentTarget.value, selection: null })}
      >
        {[...new Set([run, ...names])].map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

interface LinesProps {
  readonly lines: StoryLines;
  readonly model: RunModel | undefined;
  readonly run: string;
}

function Lines({ lines, model, run }: LinesProps) {
  const store = useStore();
  const { selection } = store.link.value;
  const selected = selection && targetKey(selection);
  const list = useRef<HTMLOListElement>(null);
  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  }, [selected]);
  return (
    <ol ref={list} class="story-lines" aria-label={`Story of ${run}`}>
      {lines.sentence.map((sentence, i) => {
        const target = targetAt(lines, i, run, model);
        const same =
          i > 0 &&
          lines.epoch[i] === lines.epoch[i - 1] &&
          lines.session[i] === lines.session[i - 1];
        return (
          <li key={i} class={`story-line is-${lines.kind[i]}`}>
            <Dot lines={lines} i={i} target={target} run={run} />
            {!same && <span class="story-epoch">epoch {formatEpoch(lines.epoch[i] ?? 0)}</span>}
            <Line
              verdict={lines.verdict[i] ?? ''}
              sentence={sentence}
              target={target}
              current={target !== null && targetKey(target) === selected}
            />
          </li>
        );
      })}
    </ol>
  );
}

/** What a line is about, if the charts have it. */
function targetAt(
  { checkpoint, decision }: StoryLines,
  i: number,
  run: string,
  model: RunModel | undefined,
): Target | null {
  const id = checkpoint[i];
  if (id != null) return { kind: 'checkpoint', run, id };
  const index = decision[i];
  return index != null && model?.decisions[index] ? { kind: 'decision', run, index } : null;
}

interface DotProps {
  readonly lines: StoryLines;
  readonly i: number;
  readonly target: Target | null;
  readonly run: string;
}

function Dot({ lines, i, target, run }: DotProps) {
  const store = useStore();
  const model = store.models.value.get(run);
  if (lines.kind[i] === 'notice') return <Icon name="warning" />;
  let shape: Shape | null = null;
  if (target?.kind === 'checkpoint') {
    const row = model?.checkpointById.get(target.id);
    shape = row ? shapeOf(store, row) : null;
  } else if (target?.kind === 'decision') {
    const decision = model?.decisions[target.index];
    shape = decision ? decisionShape(decision) : null;
  }
  if (shape === null) return <span class="story-dot" />;
  return <GlyphIcon shape={shape} color={store.color(run)} />;
}

interface LineProps {
  readonly verdict: string;
  readonly sentence: string;
  readonly target: Target | null;
  readonly current: boolean;
}

function Line({ verdict, sentence, target, current }: LineProps) {
  const store = useStore();
  const text = (
    <>
      <strong>{verdict}</strong>{' '}
      <span dir="auto">
        <Sentence text={sentence} />
      </span>
    </>
  );
  if (target === null) return <p class="story-sentence">{text}</p>;
  return (
    <>
      <button
        type="button"
        class="story-sentence"
        aria-current={current || undefined}
        onClick={() => store.change({ selection: target })}
        onPointerEnter={() => (store.hover.value = target)}
        onPointerLeave={() => (store.hover.value = null)}
      >
        {text}
      </button>
      {current && (
        <button type="button" class="button small" onClick={() => store.change({ why: null })}>
          Details
        </button>
      )}
    </>
  );
}
