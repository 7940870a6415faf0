/** What to do when the log directory holds no checkpoint records yet. */
import { plural } from '../model/format';
import { CodeBlock } from './code-block';

const EXAMPLE = `import epochline.callbacks

model.fit(
    x, y, validation_split=0.33, epochs=150,
    callbacks=[epochline.callbacks.Timeline("logs/run")],
)`;

export function EmptyState({ otherRuns, logdir }: { otherRuns: number; logdir: string }) {
  return (
    <main class="empty" aria-labelledby="empty-title">
      <h1 id="empty-title">No checkpoints in this log directory yet</h1>
      <p>
        Add one callback to <code>fit()</code>. This page updates by itself as soon as the first
        checkpoint is saved.
      </p>
      <CodeBlock code={EXAMPLE} label="Example" copyLabel="Copy code" caption="Copy code" />
      {otherRuns > 0 && (
        <p>
          Found {plural(otherRuns, 'run')} with scalars but no checkpoint records. The callback must
          log below <strong dir="auto">{logdir}</strong>.
        </p>
      )}
    </main>
  );
}
