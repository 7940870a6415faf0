/** The command that does the same as a button, for a shell and for Python. */
import type { Commands } from '../api/types';
import { CodeBlock } from './code-block';

const KINDS = [
  ['cli', 'CLI'],
  ['python', 'Python'],
] as const;

interface Props {
  readonly commands: Commands;
  /** What they do: names them for those who do not see what is above. */
  readonly action: string;
}

export function ByHand({ commands, action }: Props) {
  return (
    <div class="by-hand">
      {KINDS.map(([kind, label]) => (
        <CodeBlock
          key={kind}
          code={commands[kind]}
          label={`${label} code: ${action}`}
          copyLabel={`Copy ${label} code: ${action}`}
          caption={`Copy ${label}`}
        />
      ))}
    </div>
  );
}

/** The same, folded up while the button does it. */
export function FoldedByHand({ commands, action }: Props) {
  return (
    <details class="folded">
      <summary>The same as a command</summary>
      <ByHand commands={commands} action={action} />
    </details>
  );
}
