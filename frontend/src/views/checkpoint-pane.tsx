/** One checkpoint: why it is there, what it holds, how to load it, and what can be done with it. */
import { useComputed } from '@preact/signals';
import type { CheckpointDetail } from '../api/types';
import { checkpointShape } from '../layout/glyphs';
import { isRestorable } from '../model/best';
import { formatBytes, formatDuration, formatLearningRate, formatMetric } from '../model/format';
import { isLearningRate } from '../model/metrics';
import { toNumber } from '../model/num';
import { type Checkpoint, metricOf } from '../model/run';
import { momentLabel, REASON_LABEL, STATUS_LABEL, STATUS_MEANING } from '../model/words';
import { usePanel, useStore } from '../state/context';
import { CheckpointActions } from './checkpoint-actions';
import { CopyButton } from './copy-button';
import { FailureText } from './failure-text';
import { GlyphIcon } from './glyph';
import { NoteEditor } from './note-editor';
import { Sentence } from './sentence';
import { Snippets } from './snippets';
import { type Answer, useRequest } from './use-request';
import { Weights } from './weights';

export function CheckpointPane({ checkpoint }: { checkpoint: Checkpoint }) {
  const { api } = usePanel();
  const { run, id, status, recoverable, note, tags } = checkpoint;
  const answer = useRequest(
    () => api.checkpoint(run, id, false),
    JSON.stringify([checkpoint.key, status, recoverable, note, tags]),
  );
  return (
    <>
      <StatusLine checkpoint={checkpoint} />
      <p class="muted">{momentLabel(checkpoint)}</p>
      <p class="why" dir="auto">
        <Sentence text={checkpoint.why} />
      </p>
      {!isRestorable(status) && <p class="note">{STATUS_MEANING[status]}</p>}
      <Metrics checkpoint={checkpoint} />
      <Rest answer={answer} checkpoint={checkpoint} />
    </>
  );
}

function StatusLine({ checkpoint }: { checkpoint: Checkpoint }) {
  const store = useStore();
  const { run, id, status, reason, key } = checkpoint;
  const best = store.bestKeys.value.has(key);
  const own = store.models.value.get(run)?.timeline;
  const ownBest = own?.best === id;
  const titles = [best ? `Best by ${store.choice.value?.rank}` : STATUS_LABEL[status]];
  if (ownBest && !(best && own?.monitor === store.choice.value?.rank)) {
    titles.push(`best by ${own?.monitor}, the run’s monitor`);
  }
  return (
    <p class="kind">
      <GlyphIcon shape={checkpointShape(status, best, ownBest)} color={store.color(run)} />
      <strong>{titles.join(' · ')}</strong>
      <span class="chip">{REASON_LABEL[reason]}</span>
    </p>
  );
}

function Metrics({ checkpoint }: { checkpoint: Checkpoint }) {
  const { choice } = useStore();
  const names = useComputed(() => Object.keys(checkpoint.metrics)).value.filter(
    (name) => metricOf(checkpoint, name) !== null,
  );
  return (
    <dl class="facts">
      {names.map((name) => (
        <div key={name} class={name === choice.value?.rank ? 'shown' : ''}>
          <dt>{name}</dt>
          <dd>
            {isLearningRate(name)
              ? formatLearningRate(metricOf(checkpoint, name))
              : formatMetric(metricOf(checkpoint, name))}
          </dd>
        </div>
      ))}
    </dl>
  );
}

interface RestProps {
  readonly answer: Answer<CheckpointDetail>;
  readonly checkpoint: Checkpoint;
}

/** What only the server can tell. */
function Rest({ answer, checkpoint }: RestProps) {
  if (answer.state === 'waiting') return <p class="muted">Loading details…</p>;
  if (answer.state === 'failed') return <FailureText failure={answer.failure} />;
  return <Loaded detail={answer.value} checkpoint={checkpoint} />;
}

function Loaded({ detail, checkpoint }: { detail: CheckpointDetail; checkpoint: Checkpoint }) {
  const restorable = isRestorable(checkpoint.status);
  const saveSeconds = toNumber(detail.save_seconds);
  return (
    <>
      <CheckpointActions detail={detail} checkpoint={checkpoint} />
      <NoteEditor detail={detail} />
      <dl class="facts stacked">
        <div>
          <dt>File</dt>
          <dd class="path" dir="auto">
            {detail.name}
          </dd>
        </div>
        <div>
          <dt>Path</dt>
          <dd class="with-button">
            <span class="path">{detail.path}</span>
            <CopyButton text={detail.path} label="Copy path" />
          </dd>
        </div>
        {detail.digest !== null && (
          <div>
            <dt>Digest</dt>
            <dd class="with-button">
              <span class="path">{detail.digest}</span>
              <CopyButton text={detail.digest} label="Copy digest" />
            </dd>
          </div>
        )}
      </dl>
      <dl class="facts">
        <div>
          <dt>Size</dt>
          <dd>{formatBytes(detail.size_bytes)}</dd>
        </div>
        {Number.isFinite(saveSeconds) && (
          <div>
            <dt>Saved in</dt>
            <dd>{formatDuration(saveSeconds)}</dd>
          </div>
        )}
        {detail.optimizer !== '' && (
          <div>
            <dt>Optimizer in it</dt>
            <dd>{detail.optimizer}</dd>
          </div>
        )}
        {detail.weights_kind === 'ema' && (
          <div>
            <dt>Weights</dt>
            <dd>moving average (EMA)</dd>
          </div>
        )}
      </dl>
      {detail.decisions.length > 0 && (
        <section>
          <h3>Decisions of this epoch</h3>
          <ul class="decisions">
            {detail.decisions.map(({ callback, sentence }) => (
              <li key={callback + sentence}>
                <Sentence text={sentence} /> <span class="muted">{callback}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {restorable && <Snippets snippets={detail.snippets} />}
      {detail.measured && <Weights run={detail.run} id={detail.id} />}
    </>
  );
}
