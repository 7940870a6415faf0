/** The whole panel: decides which of its states is shown, and places the parts. */
import { useComputed, useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { type Panel, PanelContext, useStore } from '../state/context';
import { Announcer } from './announcer';
import { Charts } from './charts';
import { ConnectionBanner } from './connection-banner';
import { Details } from './details';
import { EmptyState } from './empty-state';
import { lazyPart } from './lazy-part';
import { LiveStrip } from './live-strip';
import { RunRail } from './run-rail';
import { Skeleton } from './skeleton';
import { Splitter } from './splitter';
import { Story } from './story';
import { CheckpointTable } from './table';
import { Toolbar } from './toolbar';

const Compare = lazyPart(() => import('./compare').then((part) => part.Compare));

const SKELETON_AFTER_MS = 300;
/** Leaves the metric chart whole at 900 px; where there is more room the table takes it. */
const DEFAULT_TABLE = 268;

export function App({ panel }: { panel: Panel }) {
  return (
    <PanelContext.Provider value={panel}>
      <Content />
      <Announcer />
    </PanelContext.Provider>
  );
}

function Content() {
  const { runs } = useStore();
  const answer = runs.value;
  if (answer === null) return <FirstAnswer />;
  if (answer.runs.length === 0) {
    return (
      <div class="app">
        <ConnectionBanner />
        <EmptyState otherRuns={answer.other_runs} logdir={answer.logdir} />
      </div>
    );
  }
  return <Loaded />;
}

/** Before the first answer: nothing for a moment, then a skeleton. */
function FirstAnswer() {
  const slow = useSignal(false);
  useEffect(() => {
    const timer = setTimeout(() => (slow.value = true), SKELETON_AFTER_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="app">
      <ConnectionBanner />
      {slow.value && <Skeleton />}
    </div>
  );
}

function Loaded() {
  const { link } = useStore();
  const tableHeight = useSignal(DEFAULT_TABLE);
  const pair = useComputed(() => link.value.compare).value;
  return (
    <div class="app">
      <ConnectionBanner />
      <Toolbar />
      <LiveStrip />
      <div class="body">
        <RunRail />
        {pair === null ? (
          <>
            <main class="main" aria-label="Checkpoints">
              <Story />
              <Charts />
              <Splitter height={tableHeight} />
              <CheckpointTable height={tableHeight.value} />
            </main>
            <Details />
          </>
        ) : (
          <Compare pair={pair} />
        )}
      </div>
    </div>
  );
}
