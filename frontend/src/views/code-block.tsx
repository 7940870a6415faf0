/** Code to read, select and copy. */
import { CopyButton } from './copy-button';

interface Props {
  readonly code: string;
  readonly label: string;
  readonly copyLabel: string;
  readonly caption?: string;
}

export function CodeBlock({ code, label, copyLabel, caption = 'Copy' }: Props) {
  return (
    <div class="code">
      <pre role="region" aria-label={label} tabIndex={0}>
        <code>{code}</code>
      </pre>
      <CopyButton text={code} label={copyLabel} caption={caption} />
    </div>
  );
}
