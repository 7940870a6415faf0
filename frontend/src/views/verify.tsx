/** Has the file read again and compared with its digest. */
import { useState } from 'preact/hooks';
import { usePanel } from '../state/context';
import { type Failure, toFailure } from './use-request';

type Check =
  | { readonly state: 'idle' | 'reading' }
  | { readonly state: 'checked'; readonly ok: boolean; readonly message: string }
  | { readonly state: 'failed'; readonly failure: Failure };

export function Verify({ run, id }: { run: string; id: string }) {
  const { api, refresh } = usePanel();
  const [check, setCheck] = useState<Check>({ state: 'idle' });
  const start = async () => {
    setCheck({ state: 'reading' });
    try {
      const { verify } = await api.checkpoint(run, id, true);
      const result = verify ?? { ok: false, message: 'The file was not checked.' };
      setCheck({ state: 'checked', ...result });
      if (!result.ok) refresh();
    } catch (cause) {
      setCheck({ state: 'failed', failure: toFailure(cause) });
    }
  };
  const busy = check.state === 'reading';
  return (
    <>
      <button type="button" class="button" aria-disabled={busy} onClick={() => !busy && start()}>
        {busy ? 'Reading the file…' : 'Verify'}
      </button>
      <div role="status" class="verify-result">
        {check.state === 'checked' && (
          <p class={check.ok ? 'note good' : 'note bad'}>
            {check.ok ? '✓ ' : '✕ '}
            {check.message}
          </p>
        )}
        {check.state === 'failed' && (
          <p class="note bad">
            {check.failure.message} {check.failure.hint}
          </p>
        )}
      </div>
    </>
  );
}
