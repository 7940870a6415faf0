/** One decision: its sentence and the numbers behind it. */
import type { ComponentChildren } from 'preact';
import { decisionShape } from '../layout/glyphs';
import { formatEpoch, formatLearningRate, formatMetric } from '../model/format';
import type { Decision } from '../model/run';
import { decisionTitle, momentLabel, verdictLabel } from '../model/words';
import { useStore } from '../state/context';
import { GlyphIcon } from './glyph';
import { Sentence } from './sentence';

export function DecisionPane({ decision }: { decision: Decision }) {
  const store = useStore();
  const shape = decisionShape(decision);
  const { bestEpoch } = decision;
  const facts: [string, ComponentChildren][] = [
    ['Decided by', decision.callback],
    ['Verdict', verdictLabel(decision.verdict)],
  ];
  const add = (label: string, value: string | null) => {
    if (value !== null) facts.push([label, value]);
  };
  add('Monitored', decision.monitor);
  if (decision.observed !== null) add('Observed', formatMetric(decision.observed));
  if (decision.best !== null) add('Best so far', formatMetric(decision.best));
  if (typeof bestEpoch === 'number') add('Best epoch', formatEpoch(bestEpoch));
  if (decision.patience !== null) add('Patience', `${decision.wait ?? 0} of ${decision.patience}`);
  if (decision.lrBefore !== null) add('Rate before', formatLearningRate(decision.lrBefore));
  if (decision.lrAfter !== null) add('Rate after', formatLearningRate(decision.lrAfter));
  return (
    <>
      <p class="kind">
        {shape && <GlyphIcon shape={shape} color={store.color(decision.run)} />}
        <strong>{decisionTitle(decision)}</strong>
      </p>
      <p class="muted">{momentLabel(decision)}</p>
      <p class="why" dir="auto">
        <Sentence text={decision.sentence} />
      </p>
      <dl class="facts">
        {facts.map(([label, value]) => (
          <div key={label}>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
