/** The code that loads a checkpoint: with Epochline, with Keras alone, from a shell. */
import { useState } from 'preact/hooks';
import type { CheckpointDetail } from '../api/types';
import { CodeBlock } from './code-block';

const KINDS = [
  ['python', 'Python'],
  ['keras', 'Plain Keras'],
  ['cli', 'CLI'],
] as const;

export function Snippets({ snippets }: { snippets: CheckpointDetail['snippets'] }) {
  const [index, setIndex] = useState(0);
  const [kind, label] = KINDS[index] ?? KINDS[0];
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (step === undefined) return;
    const next = (index + step + KINDS.length) % KINDS.length;
    setIndex(next);
    document.getElementById(`snippet-tab-${next}`)?.focus();
    event.preventDefault();
  };
  return (
    <section class="snippets">
      <h3>Load it</h3>
      <div role="tablist" aria-label="Load it with" class="tabs" onKeyDown={onKeyDown}>
        {KINDS.map(([id, text], i) => (
          <button
            key={id}
            id={`snippet-tab-${i}`}
            type="button"
            role="tab"
            aria-selected={i === index}
            aria-controls="snippet-panel"
            tabIndex={i === index ? 0 : -1}
            onClick={() => setIndex(i)}
          >
            {text}
          </button>
        ))}
      </div>
      <div id="snippet-panel" role="tabpanel" aria-labelledby={`snippet-tab-${index}`}>
        <CodeBlock code={snippets[kind]} label={`${label} code`} copyLabel={`Copy ${label} code`} />
      </div>
    </section>
  );
}
