/** Something that changes the run when the user says so: under way, done or refused. */
import { useState } from 'preact/hooks';
import { usePanel } from '../state/context';
import { type Failure, toFailure } from './use-request';

export interface Deed {
  readonly busy: boolean;
  readonly failure: Failure | null;
  /** Does it, says what came of it, and asks for the news; nothing while another one is under way. */
  run<T extends { readonly message: string }>(ask: () => Promise<T>): Promise<T | null>;
}

export function useDeed(): Deed {
  const { store, refresh } = usePanel();
  const [busy, setBusy] = useState(false);
  const [failure, setFailure] = useState<Failure | null>(null);
  return {
    busy,
    failure,
    async run(ask) {
      if (busy) return null;
      setBusy(true);
      setFailure(null);
      try {
        const answer = await ask();
        store.announcement.value = answer.message;
        return answer;
      } catch (cause) {
        setFailure(toFailure(cause));
        return null;
      } finally {
        setBusy(false);
        refresh();
      }
    },
  };
}
