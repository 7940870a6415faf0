/** Text and status filter of the table, and how many rows they leave. */
import { formatInteger } from '../model/format';
import type { StatusFilter } from '../model/rows';
import { STATUS_LABEL } from '../model/words';
import { useStore } from '../state/context';
import { Icon } from './icon';

const CHOICES: [StatusFilter, string][] = [
  ['all', 'All statuses'],
  ['best', 'Best only'],
  ['restorable', 'Restorable'],
  ...(Object.entries(STATUS_LABEL) as [StatusFilter, string][]),
];

export function TableFilters() {
  const { rowFilter, rows, allRows } = useStore();
  const { text, status } = rowFilter.value;
  const total = allRows.value.length;
  const left = rows.value.length;
  return (
    <div class="table-filters">
      <div class="input-with-icon">
        <Icon name="search" />
        <input
          type="search"
          id="table-filter"
          placeholder="Filter: run, epoch 12, reason, file"
          aria-label="Filter checkpoints"
          value={text}
          onInput={(event) => (rowFilter.value = { text: event.currentTarget.value, status })}
        />
      </div>
      <select
        aria-label="Status"
        value={status}
        onChange={(event) =>
          (rowFilter.value = { text, status: event.currentTarget.value as StatusFilter })
        }
      >
        {CHOICES.map(([value, label]) => (
          <option key={value} value={value}>
            {label}
          </option>
        ))}
      </select>
      <span class="muted count" role="status">
        {left === total
          ? `${formatInteger(total)} checkpoints`
          : `${formatInteger(left)} of ${formatInteger(total)} checkpoints`}
      </span>
    </div>
  );
}
