/** Says what has just happened to who hears the page; beside an open dialog nothing else is heard. */
import { useStore } from '../state/context';

export function Announcer() {
  const { announcement } = useStore();
  return (
    <div class="visually-hidden" aria-live="polite">
      {announcement}
    </div>
  );
}
