/** What of a checkpoint goes into the running training, and what becomes of the rest. */
import { type LiveForm, parseRate, withOptimizer } from '../model/live';

interface Props {
  readonly form: LiveForm;
  /** Whether the file holds the state of the optimizer. */
  readonly hasOptimizer: boolean;
  readonly onChange: (form: LiveForm) => void;
}

interface OptionProps {
  readonly name: string;
  readonly label: string;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly onPick: () => void;
}

function Option({ name, label, checked, disabled, onPick }: OptionProps) {
  return (
    <label class="check">
      <input type="radio" name={name} checked={checked} disabled={disabled} onChange={onPick} />
      {label}
    </label>
  );
}

export function LiveChoice({ form, hasOptimizer, onChange }: Props) {
  const { optimizer, rate, value, counters } = form;
  const wrong = rate === 'value' && value !== '' && parseRate(value) === null;
  return (
    <div class="live-choice">
      <fieldset>
        <legend>Restore</legend>
        <Option
          name="what"
          label="weights and state of the optimizer"
          checked={optimizer}
          disabled={!hasOptimizer}
          onPick={() => onChange(withOptimizer(form, true))}
        />
        <Option
          name="what"
          label="weights alone"
          checked={!optimizer}
          onPick={() => onChange(withOptimizer(form, false))}
        />
        {!hasOptimizer && <p class="muted">The file holds no state of the optimizer.</p>}
      </fieldset>
      <fieldset>
        <legend>Learning rate</legend>
        <Option
          name="rate"
          label="the checkpoint’s"
          checked={rate === 'checkpoint'}
          onPick={() => onChange({ ...form, rate: 'checkpoint' })}
        />
        <Option
          name="rate"
          label="the present one"
          checked={rate === 'keep'}
          onPick={() => onChange({ ...form, rate: 'keep' })}
        />
        <Option
          name="rate"
          label="another one:"
          checked={rate === 'value'}
          onPick={() => onChange({ ...form, rate: 'value' })}
        />
        <input
          type="text"
          inputMode="decimal"
          class="count-input"
          placeholder="1e-4"
          aria-label="Another learning rate"
          aria-invalid={wrong}
          value={value}
          onInput={({ currentTarget }) =>
            onChange({ ...form, rate: 'value', value: currentTarget.value })
          }
        />
        {rate === 'value' && parseRate(value) === null && (
          <p class="muted">Give a number from 0, such as 1e-4.</p>
        )}
      </fieldset>
      <fieldset>
        <legend>Counters of EarlyStopping and ReduceLROnPlateau</legend>
        <Option
          name="counters"
          label="begin anew"
          checked={counters === 'reset'}
          onPick={() => onChange({ ...form, counters: 'reset' })}
        />
        <Option
          name="counters"
          label="keep"
          checked={counters === 'keep'}
          onPick={() => onChange({ ...form, counters: 'keep' })}
        />
      </fieldset>
    </div>
  );
}
