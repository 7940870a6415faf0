/** Says that the server does not answer, or what it answered instead of data. */
import { formatClock } from '../model/format';
import { usePanel } from '../state/context';
import { RETRY_MS } from '../state/poll';
import { Icon } from './icon';

export function ConnectionBanner() {
  const { store, refresh } = usePanel();
  const connection = store.connection.value;
  if (connection.state === 'loading' || connection.state === 'ok') return null;
  const at = store.answeredAt.value;
  const since = at === null ? '' : ` Showing data from ${formatClock(at)}.`;
  const again = `Trying again every ${RETRY_MS / 1000} s.`;
  return (
    <div class="banner" role="alert">
      <Icon name="warning" />
      {connection.state === 'lost' ? (
        <p>
          TensorBoard does not answer.{since} {again}
        </p>
      ) : (
        <p>
          {connection.error.message} {connection.error.hint}
          {since} {again}
        </p>
      )}
      <button type="button" class="button small" onClick={refresh}>
        Try now
      </button>
    </div>
  );
}
