/** How the shown runs ended and what went wrong on the way: one quiet line that opens. */
import { useComputed } from '@preact/signals';
import type { Session } from '../api/types';
import { formatTime, plural } from '../model/format';
import type { RunModel } from '../model/run';
import { useStore } from '../state/context';
import { Icon } from './icon';

function countOf(count: number, one: string): string[] {
  return count === 0 ? [] : [plural(count, one)];
}

function summary(models: readonly RunModel[]): string {
  const [only] = models;
  if (only === undefined) return 'No run is shown.';
  if (models.length === 1) return only.timeline.sessions.at(-1)?.message ?? 'No session yet.';
  const states = models.map(({ timeline }) => timeline.state);
  const count = (state: string) => states.filter((item) => item === state).length;
  const parts = [
    [count('running'), 'live'],
    [count('ended'), 'ended'],
    [count('unknown'), 'without a recorded end'],
  ] as const;
  return parts.flatMap(([n, text]) => (n === 0 ? [] : [`${n} ${text}`])).join(', ');
}

export function Story() {
  const store = useStore();
  const models = store.shownModels.value;
  const errors = [...store.runErrors.value];
  const concerns = useComputed(() => {
    const timelines = store.shownModels.value.map(({ timeline }) => timeline);
    const notices = timelines.reduce((sum, { notices }) => sum + notices.length, 0);
    const gaps = timelines.reduce((sum, { gaps }) => sum + gaps.length, 0);
    return [...countOf(notices, 'notice'), ...countOf(gaps, 'gap')];
  }).value;
  const loading = store.summaries.value.length > 0 && models.length === 0 && errors.length === 0;
  const troubles = [...countOf(errors.length, 'unreadable run'), ...concerns];
  return (
    <details class="story">
      <summary>
        <Icon name="chevron" />
        <span class="story-text" dir="auto">
          {loading ? 'No run is shown. Choose one in the list of runs.' : summary(models)}
        </span>
        {troubles.length > 0 && (
          <span class="trouble">
            <Icon name="warning" />
            {troubles.join(' · ')}
          </span>
        )}
      </summary>
      <div class="story-body" role="region" aria-label="Sessions and notices" tabIndex={0}>
        {errors.map(([run, error]) => (
          <section key={run}>
            <h2 dir="auto">{run}</h2>
            <p class="bad">
              {error.message} {error.hint}
            </p>
          </section>
        ))}
        {models.map((model) => (
          <RunStory key={model.name} model={model} />
        ))}
      </div>
    </details>
  );
}

function RunStory({ model }: { model: RunModel }) {
  const { sessions, notices, gaps } = model.timeline;
  return (
    <section>
      <h2 dir="auto">{model.name}</h2>
      <ol>
        {sessions.map((session, index) => (
          <li key={session.id}>
            <SessionLine model={model} index={index} session={session} />
            <ul class="concerns">
              {notices
                .filter((notice) => notice.session === index)
                .map((notice) => (
                  <li key={`${notice.code} ${notice.epoch}`}>
                    <Icon name="warning" />
                    <span>
                      {notice.message} <span class="muted">{notice.hint}</span>
                    </span>
                  </li>
                ))}
              {gaps
                .filter((gap) => gap.session === index)
                .map((gap) => (
                  <li key={gap.first_seq}>
                    <Icon name="warning" />
                    <span>{gap.message}</span>
                  </li>
                ))}
            </ul>
          </li>
        ))}
      </ol>
    </section>
  );
}

interface SessionProps {
  readonly model: RunModel;
  readonly index: number;
  readonly session: Session;
}

function SessionLine({ model, index, session }: SessionProps) {
  const end = session.ended === null ? '' : ` – ${formatTime(session.ended)}`;
  const several = model.timeline.sessions.length > 1;
  return (
    <p>
      {several && <span class="muted">Session {index + 1}: </span>}
      {session.message} <Continues model={model} index={index} />
      <span class="muted">
        {formatTime(session.started)}
        {end} · {session.backend} · {session.callbacks.join(', ')}
      </span>
    </p>
  );
}

/** Where a session came from; another run is a link to its story. */
function Continues({ model, index }: Omit<SessionProps, 'session'>) {
  const { change, lineage } = useStore();
  const origin = lineage.value(model, index);
  if (origin === null) return null;
  const { run } = origin;
  if (run === null) return <>Continues a session that is not in this log directory. </>;
  if (run === model.name) return <>Continues session {origin.session}. </>;
  return (
    <>
      Continues session {origin.session} of{' '}
      <button
        type="button"
        class="text-button"
        onClick={() => change({ why: run, selection: null })}
      >
        <bdi>{run}</bdi>
      </button>
      .{' '}
    </>
  );
}
