/** What the training that listens can be asked for; only there while one does. */
import { useComputed } from '@preact/signals';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveState } from '../api/types';
import { usePanel } from '../state/context';
import { lazyPart } from './lazy-part';
import { Menu } from './menu';
import { toFailure } from './use-request';

const LiveControls = lazyPart(() => import('./live-controls').then((part) => part.LiveControls));

/**
 * Whether the training of a run listens, as far as it is known yet. Asked with every round of the poller,
 * so never while the panel is hidden; a slow answer is as good as a quick one.
 */
function useListening(run: string | null): LiveState | null {
  const { api, store } = usePanel();
  const [state, setState] = useState<LiveState | null>(null);
  const wanted = useRef(run);
  wanted.current = run;
  const at = store.answeredAt.value;
  useEffect(() => {
    if (run === null) return;
    const take = (next: LiveState | null) => wanted.current === run && setState(next);
    api.liveState(run).then(take, (cause) => {
      toFailure(cause); // throws what the server has nothing to do with
      take(null); // the banner tells of a server that is gone; a run that is has no controls
    });
  }, [run, at]);
  return run === null ? null : state;
}

export function LiveMenu() {
  const { store } = usePanel();
  const [chosen, setChosen] = useState<string | null>(null);
  const running = useComputed(() =>
    store.shownModels.value.filter(({ timeline }) => timeline.state === 'running'),
  ).value.map(({ name }) => name);
  const selected = store.link.value.selection?.run ?? null;
  const wanted = [chosen, selected].find((name) => name !== null && running.includes(name));
  const state = useListening(wanted ?? running[0] ?? null);
  // Whoever chose one that does not listen is told why, and can choose again.
  if (state === null || !(state.listening || chosen !== null)) return null;
  return (
    <Menu
      label="Running training"
      toLeft
      caption={
        <span class={state.paused ? 'live paused' : 'live'}>
          {state.paused ? 'Paused' : 'Live'}
        </span>
      }
    >
      {(close) => <LiveControls state={state} runs={running} onRun={setChosen} close={close} />}
    </Menu>
  );
}
