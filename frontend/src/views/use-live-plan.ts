/** What a restore into the running training would do, told by that training itself. */
import { useEffect, useState } from 'preact/hooks';
import type { LiveAnswer, LiveChoices } from '../api/types';
import { follow, newRequest, send } from '../state/asking';
import { usePanel } from '../state/context';
import { type Answer, toFailure } from './use-request';

/** Whoever types a number is not asked about every digit of it. */
const PAUSE_MS = 300;

/** Asks again whenever the choices change; null asks nothing. */
export function useLivePlan(
  run: string,
  checkpoint: string,
  choices: LiveChoices | null,
): Answer<LiveAnswer> {
  const panel = usePanel();
  const [plan, setPlan] = useState<Answer<LiveAnswer>>({ state: 'waiting' });
  useEffect(() => {
    let current = choices !== null;
    setPlan({ state: 'waiting' });
    const take = (answer: LiveAnswer | null) => {
      if (current && answer?.final) setPlan({ state: 'done', value: answer });
      return current;
    };
    const request = async () => {
      try {
        const asked = newRequest(run, 'restore', { checkpoint, ...choices, dry_run: true });
        const first = await send(panel, asked);
        take(first);
        await follow(panel, first, take);
      } catch (cause) {
        const failure = toFailure(cause);
        if (current) setPlan({ state: 'failed', failure });
      }
    };
    const timer = setTimeout(() => current && request(), PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [JSON.stringify([run, checkpoint, choices])]);
  return plan;
}
