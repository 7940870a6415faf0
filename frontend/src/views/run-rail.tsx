/** The runs at the side of wide pages. Narrow pages have them in a menu. */
import { RunList } from './run-list';
import { isNarrow, viewport } from './viewport';

export function RunRail() {
  if (isNarrow(viewport.value)) return null;
  return (
    <nav class="rail" aria-label="Runs">
      <RunList />
    </nav>
  );
}
