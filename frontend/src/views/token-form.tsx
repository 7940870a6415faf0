/** Asks once for the token that TensorBoard wants where other machines can reach it. */
import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../state/context';

interface Props {
  /** The form goes away with its token: whoever shows it knows where the focus goes. */
  readonly onUse: () => void;
}

export function TokenForm({ onUse }: Props) {
  const { liveToken, tokenRefusal } = useStore();
  const input = useRef<HTMLInputElement>(null);
  const refusal = tokenRefusal.value;
  useEffect(() => {
    if (refusal !== '') input.current?.focus();
  }, [refusal]);
  const use = (event: Event) => {
    event.preventDefault();
    const token = input.current?.value.trim() ?? '';
    if (token === '') return;
    tokenRefusal.value = '';
    liveToken.value = token;
    onUse();
  };
  return (
    <form class="token-form" onSubmit={use}>
      <p>
        Other machines can reach this TensorBoard, so it asks for the token that it printed when it
        started. This tab of the browser then remembers it.
      </p>
      {refusal !== '' && (
        <p class="note bad" role="alert">
          {refusal}
        </p>
      )}
      <div class="actions">
        <input
          ref={input}
          type="password"
          autocomplete="off"
          required
          aria-label="Token"
          placeholder="Token"
          aria-invalid={refusal !== ''}
          class="token-input"
        />
        <button type="submit" class="button">
          Use token
        </button>
      </div>
    </form>
  );
}
