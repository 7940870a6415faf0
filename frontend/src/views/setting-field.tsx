/** One setting as a number, with a slider where that helps, and what it was in the training. */
import { useId, useState } from 'preact/hooks';

interface Props {
  readonly label: string;
  /** As it is replayed. */
  readonly value: string;
  /** As it was recorded, when that is another. */
  readonly was: string | null;
  readonly step?: number | 'any';
  readonly min?: number;
  /** The end of the slider; without one there is none. */
  readonly slider?: number;
  /** Empty for as it was. */
  readonly onChange: (value: string) => void;
}

export function SettingField(props: Props) {
  const { label, value, was, step = 1, min = 0, slider, onChange } = props;
  const id = useId();
  // A field that is emptied to type something else stays empty meanwhile.
  const [typed, setTyped] = useState<string | null>(null);
  return (
    <div class="setting">
      <label for={id}>{label}</label>
      {slider === undefined ? (
        <span />
      ) : (
        <input
          type="range"
          aria-label={`${label}, slider`}
          min={min}
          max={Math.max(slider, Number(value))}
          step={step}
          value={value}
          onInput={({ currentTarget }) => onChange(currentTarget.value)}
        />
      )}
      <input
        id={id}
        type="number"
        class="count-input"
        min={min}
        step={step}
        value={typed ?? value}
        aria-describedby={was === null ? undefined : `${id}-was`}
        onInput={({ currentTarget }) => {
          setTyped(currentTarget.value);
          onChange(currentTarget.value);
        }}
        onBlur={() => setTyped(null)}
      />
      {was !== null && (
        <span id={`${id}-was`} class="muted was">
          was {was}
        </span>
      )}
    </div>
  );
}
