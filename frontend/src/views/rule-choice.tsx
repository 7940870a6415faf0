/** What goes: the marked checkpoints, or all but the newest and the best. */
import { plural } from '../model/format';
import type { Rule } from '../model/prune';
import { useStore } from '../state/context';

interface Props {
  readonly rule: Rule;
  readonly marked: number;
  readonly onChange: (rule: Rule) => void;
}

export function RuleChoice({ rule, marked, onChange }: Props) {
  const { choices, shownModels } = useStore();
  const count = (name: 'last' | 'best', label: string) => (
    <label>
      {label}{' '}
      <input
        type="number"
        min={0}
        max={9999}
        class="count-input"
        value={rule[name]}
        onFocus={() => onChange({ ...rule, kind: 'rule' })}
        onInput={({ currentTarget }) =>
          onChange({ ...rule, kind: 'rule', [name]: Math.max(0, currentTarget.valueAsNumber || 0) })
        }
      />
    </label>
  );
  return (
    <fieldset class="rule">
      <legend class="visually-hidden">What goes</legend>
      {marked > 0 && (
        <label class="check">
          <input
            type="radio"
            name="rule"
            checked={rule.kind === 'marked'}
            onChange={() => onChange({ ...rule, kind: 'marked' })}
          />
          {marked === 1 ? 'The marked checkpoint' : `The ${marked} marked checkpoints`}
        </label>
      )}
      <div class="rule-line">
        <label class="check">
          <input
            type="radio"
            name="rule"
            checked={rule.kind === 'rule'}
            onChange={() => onChange({ ...rule, kind: 'rule' })}
          />
          In {plural(shownModels.value.length, 'shown run')}, all but
        </label>
        {count('last', 'the newest')}
        {count('best', 'and the best')}
        <label>
          by{' '}
          <select
            value={rule.metric}
            onChange={({ currentTarget }) =>
              onChange({ ...rule, kind: 'rule', metric: currentTarget.value })
            }
          >
            {choices.value.map(({ rank }) => (
              <option key={rank} value={rank}>
                {rank}
              </option>
            ))}
          </select>
        </label>
      </div>
      <p class="muted">
        Pinned checkpoints, the newest, and the newest that is not known to be bad always stay.
      </p>
    </fieldset>
  );
}
