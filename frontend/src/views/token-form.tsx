/** Asks once for the token that TensorBoard wants where other machines can reach it. */
import { useRef } from 'preact/hooks';
import { useStore } from '../state/context';

export function TokenForm() {
  const { liveToken } = useStore();
  const input = useRef<HTMLInputElement>(null);
  const use = (event: Event) => {
    event.preventDefault();
    liveToken.value = input.current?.value.trim() ?? '';
  };
  return (
    <form class="token-form" onSubmit={use}>
      <p>
        Other machines can reach this TensorBoard. To ask a training for something it wants the
        token that it printed when it started.
      </p>
      <div class="actions">
        <input
          ref={input}
          type="password"
          autocomplete="off"
          aria-label="Token"
          class="token-input"
        />
        <button type="submit" class="button">
          Use it
        </button>
      </div>
    </form>
  );
}
