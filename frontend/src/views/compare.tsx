/** Two checkpoints side by side: metrics, training, and how far their weights are apart. */
import { useEffect } from 'preact/hooks';
import type { Session } from '../api/types';
import { watchKeys } from '../host/keys';
import { checkpointShape } from '../layout/glyphs';
import { metricRows, neighbour } from '../model/compare';
import type { Pair } from '../model/deep-link';
import {
  formatBytes,
  formatDelta,
  formatEpoch,
  formatInteger,
  formatLearningRate,
  formatMetric,
  NONE,
} from '../model/format';
import { isLearningRate, knownDirection } from '../model/metrics';
import type { Checkpoint } from '../model/run';
import { STATUS_LABEL } from '../model/words';
import { usePanel, useStore } from '../state/context';
import { GlyphIcon } from './glyph';
import { Icon } from './icon';
import { useRequest } from './use-request';
import { WeightChanges } from './weight-changes';

export function Compare({ pair }: { pair: Pair }) {
  const store = useStore();
  const [a, b] = pair.map(({ run, id }) => store.models.value.get(run)?.checkpointById.get(id));
  const close = () => {
    store.change({ compare: null });
    setTimeout(() => document.getElementById('checkpoint-grid')?.focus());
  };
  useEffect(() => {
    document.getElementById('compare-title')?.focus();
    const onKeyDown = (event: KeyboardEvent) => event.key === 'Escape' && close();
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
  return (
    <main class="main compare" aria-labelledby="compare-title">
      <header class="compare-head">
        <h2 id="compare-title" tabIndex={-1}>
          Compare
        </h2>
        <span class="spring" />
        <button
          type="button"
          class="button"
          onClick={() => store.change({ compare: [pair[1], pair[0]] })}
        >
          Swap
        </button>
        <button type="button" class="icon-button" aria-label="Close the comparison" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      {a && b ? (
        <Both a={a} b={b} />
      ) : (
        <p class="note">
          One of these checkpoints is not in the data. Its run may be hidden in the list of runs, or
          have been deleted.
        </p>
      )}
    </main>
  );
}

/** Keys that walk along the runs of A and of B, which stays where it is meanwhile. */
const KEYS = { A: ['[', ']'], B: ['{', '}'] } as const;

function Both({ a, b }: { a: Checkpoint; b: Checkpoint }) {
  const store = useStore();
  const step = (name: 'A' | 'B', by: 1 | -1) => {
    const row = name === 'A' ? a : b;
    const next = neighbour(store.models.value.get(row.run), row, by);
    if (next === null) return null;
    return () => {
      const [first, second] = name === 'A' ? [next, b] : [a, next];
      store.change({ compare: [first.target, second.target] });
      store.announcement.value = `A is epoch ${formatEpoch(first.epoch)}, B is epoch ${formatEpoch(second.epoch)}.`;
    };
  };
  useEffect(() =>
    watchKeys({
      [KEYS.A[0]]: () => step('A', -1)?.(),
      [KEYS.A[1]]: () => step('A', 1)?.(),
      [KEYS.B[0]]: () => step('B', -1)?.(),
      [KEYS.B[1]]: () => step('B', 1)?.(),
    }),
  );
  return (
    <>
      <div class="sides">
        <Side name="A" row={a} back={step('A', -1)} forth={step('A', 1)} />
        <Side name="B" row={b} back={step('B', -1)} forth={step('B', 1)} />
      </div>
      <div class="compare-tables">
        <Metrics a={a} b={b} />
        <Training a={a} b={b} />
      </div>
      <WeightChanges a={a} b={b} />
    </>
  );
}

interface SideProps {
  readonly name: 'A' | 'B';
  readonly row: Checkpoint;
  /** To the checkpoint before it in its run; null when there is none. */
  readonly back: (() => void) | null;
  readonly forth: (() => void) | null;
}

function Side({ name, row, back, forth }: SideProps) {
  const store = useStore();
  const best = store.bestKeys.value.has(row.key);
  const shape = checkpointShape(row.status, best, store.monitorKeys.value.has(row.key));
  const walk = (go: (() => void) | null, label: string, icon: 'left' | 'right', key: string) => (
    <button
      type="button"
      class="icon-button"
      aria-label={`${label} checkpoint as ${name}`}
      aria-keyshortcuts={key}
      title={`${label} checkpoint (${key})`}
      aria-disabled={go === null}
      onClick={() => go?.()}
    >
      <Icon name={icon} />
    </button>
  );
  return (
    <section class="side" aria-label={`Checkpoint ${name}`}>
      <strong class="side-name">{name}</strong>
      <span class="swatch" style={{ background: store.color(row.run) }} />
      <span class="side-text">
        <bdi>{row.run}</bdi>
        <span>
          epoch {formatEpoch(row.epoch)} · <GlyphIcon shape={shape} color={store.color(row.run)} />{' '}
          {best ? 'Best' : STATUS_LABEL[row.status]}
        </span>
      </span>
      {walk(back, 'Previous', 'left', KEYS[name][0])}
      {walk(forth, 'Next', 'right', KEYS[name][1])}
    </section>
  );
}

const VERDICT = { better: '▲ better', worse: '▼ worse', equal: 'equal' } as const;

function Metrics({ a, b }: { a: Checkpoint; b: Checkpoint }) {
  const store = useStore();
  const models = [a, b].flatMap(({ run }) => store.models.value.get(run) ?? []);
  const rank = store.choice.value?.rank;
  const directionOf = (metric: string) =>
    metric === rank ? store.direction.value : knownDirection(metric, models);
  const rows = metricRows(a, b, directionOf).filter(({ name }) => !isLearningRate(name));
  return (
    <table class="plain-table">
      <caption>Metrics</caption>
      <thead>
        <tr>
          <th scope="col">Metric</th>
          <th scope="col">A</th>
          <th scope="col">B</th>
          <th scope="col">B − A</th>
          <th scope="col">B is</th>
        </tr>
      </thead>
      <tbody>
        {rows.map(({ name, a: valueA, b: valueB, delta, verdict }) => (
          <tr key={name} class={name === rank ? 'shown' : ''}>
            <th scope="row">{name}</th>
            <td>{formatMetric(valueA)}</td>
            <td>{formatMetric(valueB)}</td>
            <td>{formatDelta(delta)}</td>
            <td class={`verdict ${verdict ?? ''}`}>{verdict === null ? '' : VERDICT[verdict]}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** What a checkpoint was trained with; the optimizer is known as soon as the server has told it. */
function trainingOf(
  row: Checkpoint,
  session: Session | undefined,
  optimizer: string,
): [string, string][] {
  const rate = Object.entries(row.metrics).find(([name]) => isLearningRate(name));
  const count = (value: number | null | undefined) => (value == null ? '' : formatInteger(value));
  return [
    ['Epoch', formatEpoch(row.epoch)],
    ['Step', formatInteger(row.step)],
    ['Learning rate', formatLearningRate(rate?.[1][row.index] ?? null)],
    ['Optimizer', optimizer],
    ['Weights', row.weightsKind === 'ema' ? 'moving average (EMA)' : 'as trained'],
    ['Size', formatBytes(row.sizeBytes)],
    ['Model', session?.model_name ?? ''],
    ['Epochs planned', count(session?.planned_epochs)],
    ['Steps per epoch', count(session?.steps_per_epoch)],
    ['Backend', [session?.backend, session?.keras_version].filter(Boolean).join(', Keras ')],
    ['Callbacks', session?.callbacks.join(', ') ?? ''],
    ['Saved', session?.save ?? ''],
    ['Kept', session?.keep ?? ''],
    ['Host', session?.host ?? ''],
  ];
}

function useTraining(row: Checkpoint): [string, string][] {
  const { api, store } = usePanel();
  const detail = useRequest(() => api.checkpoint(row.run, row.id, false), row.key);
  const known = detail.state === 'done' && detail.value.id === row.id;
  const session = store.models.value.get(row.run)?.timeline.sessions[row.session];
  return trainingOf(row, session, known ? detail.value.optimizer : '');
}

function Training({ a, b }: { a: Checkpoint; b: Checkpoint }) {
  const [ours, theirs] = [useTraining(a), useTraining(b)];
  const rows = ours
    .map(([label, value], i) => [label, value, theirs[i]?.[1] ?? ''] as const)
    .filter(([, value, other]) => value !== '' || other !== '');
  const same = rows.filter(([, value, other]) => value === other);
  return (
    <div>
      <table class="plain-table texts">
        <caption>Training</caption>
        <thead>
          <tr>
            <td />
            <th scope="col">A</th>
            <th scope="col">B</th>
          </tr>
        </thead>
        <tbody>
          {rows
            .filter((row) => !same.includes(row))
            .map(([label, value, other]) => (
              <tr key={label}>
                <th scope="row">{label}</th>
                <td>{value || NONE}</td>
                <td class="differs">{other || NONE}</td>
              </tr>
            ))}
        </tbody>
      </table>
      {same.length > 0 && (
        <details class="folded">
          <summary>
            The same in both: {same.map(([label]) => label.toLowerCase()).join(', ')}
          </summary>
          <dl class="facts">
            {same.map(([label, value]) => (
              <div key={label}>
                <dt>{label}</dt>
                <dd>{value}</dd>
              </div>
            ))}
          </dl>
        </details>
      )}
    </div>
  );
}
