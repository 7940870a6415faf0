/** The runs of narrow pages: a button that opens the list over the page. */
import { useStore } from '../state/context';
import { Menu } from './menu';
import { RunList } from './run-list';

export function RunMenu() {
  const { shownModels, summaries } = useStore();
  return (
    <Menu label="Runs" caption={`Runs ${shownModels.value.length}/${summaries.value.length}`}>
      {() => <RunList />}
    </Menu>
  );
}
