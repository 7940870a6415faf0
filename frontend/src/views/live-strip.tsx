/** What running trainings were asked for, and what became of it: one line per request, until it is hidden. */
import type { Outcome } from '../api/types';
import { LIVE_LABEL, OUTCOME_LABEL } from '../model/live';
import { type Asked, ask, hide, newRequest } from '../state/asking';
import { usePanel, useStore } from '../state/context';
import { FailureText } from './failure-text';
import { Icon, type IconName } from './icon';
import { useDeed } from './use-deed';

const ICON: Record<Outcome, IconName> = {
  working: 'waiting',
  done: 'done',
  refused: 'close',
  failed: 'close',
  expired: 'warning',
  nobody: 'warning',
};

export function LiveStrip() {
  const asked = useStore().asked.value;
  if (asked.length === 0) return null;
  return (
    <section class="live-strip" aria-label="Requests to running trainings">
      <ul>
        {asked.map((item) => (
          <Line key={item.request.request} item={item} />
        ))}
      </ul>
    </section>
  );
}

function Line({ item }: { item: Asked }) {
  const panel = usePanel();
  const { busy, failure, run } = useDeed();
  const { request, what, answer, trouble } = item;
  const { outcome, message, undo } = answer;
  const takeBack = () => ask(panel, newRequest(request.run, 'undo'), LIVE_LABEL.undo);
  return (
    <li class={`live-line ${outcome}`}>
      <Icon name={ICON[outcome]} />
      <p class="live-text">
        <strong>
          <bdi>{request.run}</bdi> · {what}
        </strong>{' '}
        <span class="live-outcome">{OUTCOME_LABEL[outcome]}</span>{' '}
        <span dir="auto">
          {message} {trouble}
        </span>
      </p>
      {outcome === 'done' && undo !== '' && (
        <button
          type="button"
          class="button small"
          aria-disabled={busy}
          aria-label={`Undo: ${what}`}
          onClick={() => run(takeBack)}
        >
          Undo
        </button>
      )}
      {(answer.final || trouble !== '') && (
        <button
          type="button"
          class="icon-button"
          aria-label={`Hide: ${what}`}
          onClick={() => hide(panel, item)}
        >
          <Icon name="close" />
        </button>
      )}
      {failure && <FailureText failure={failure} />}
    </li>
  );
}
