/** Copies a text, and says whether that worked. */
import { useEffect, useState } from 'preact/hooks';
import { copyText } from '../host/clipboard';
import { useStore } from '../state/context';
import { Icon, type IconName } from './icon';

const SHOWN_MS = 2_000;
const RESULT = { copied: 'Copied', failed: 'Select the text instead' };

interface Props {
  /** The text, or what makes it when it is asked for. */
  readonly text: string | (() => string);
  /** What is copied, for those who do not see what is beside the button. */
  readonly label: string;
  readonly caption?: string;
  readonly icon?: IconName;
}

export function CopyButton({ text, label, caption = 'Copy', icon = 'copy' }: Props) {
  const { announcement } = useStore();
  const [result, setResult] = useState<'copied' | 'failed' | null>(null);
  useEffect(() => {
    if (result === null) return;
    const timer = setTimeout(() => setResult(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [result]);

  const copy = async () => {
    const copied = await copyText(typeof text === 'string' ? text : text());
    setResult(copied ? 'copied' : 'failed');
    announcement.value = copied ? 'Copied.' : 'Copying was refused. Select the text instead.';
  };
  return (
    <button type="button" class="button small" onClick={copy} aria-label={label} title={label}>
      <Icon name={result === 'copied' ? 'done' : icon} />
      {result === null ? caption : RESULT[result]}
    </button>
  );
}
