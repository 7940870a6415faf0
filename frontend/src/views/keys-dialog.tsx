/** What the keys do, and the switch for those that work everywhere. */
import { useState } from 'preact/hooks';
import { setSingleKeys, singleKeysOn } from '../host/keys';
import { Dialog } from './dialog';

const GROUPS: readonly [string, readonly [string, string][]][] = [
  [
    'Everywhere',
    [
      ['/', 'filter the table'],
      ['?', 'this list'],
      ['Esc', 'close what is open'],
    ],
  ],
  [
    'Table',
    [
      ['↑ ↓ PgUp PgDn Home End', 'move'],
      ['← →', 'from column to column'],
      ['Enter', 'open the row; in the headings: sort'],
      ['Space', 'mark the row, to compare or prune'],
      ['c', 'compare the two marked rows, or the row with the best of its run'],
      ['p', 'pin the row, or take its pin away'],
      ['r', 'restore the row: first says what will happen'],
    ],
  ],
  [
    'Compare',
    [
      ['[ ]', 'previous and next checkpoint of the run as A; B stays'],
      ['{ }', 'the same as B; A stays'],
    ],
  ],
  [
    'Charts',
    [
      ['← →', 'from marker to marker'],
      ['↑ ↓', 'from run to run'],
      ['Enter', 'open the marker'],
      ['0', 'show everything again'],
    ],
  ],
];

export function KeysDialog({ onClose }: { onClose: () => void }) {
  const [on, setOn] = useState(singleKeysOn);
  return (
    <Dialog title="Keys" closing="Close" onClose={onClose}>
      {GROUPS.map(([title, keys]) => (
        <section key={title} class="keys">
          <h3>{title}</h3>
          <dl>
            {keys.map(([key, meaning]) => (
              <div key={key}>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{meaning}</dd>
              </div>
            ))}
          </dl>
        </section>
      ))}
      <label class="check">
        <input
          type="checkbox"
          checked={on}
          onChange={({ currentTarget }) => {
            setSingleKeys(currentTarget.checked);
            setOn(currentTarget.checked);
          }}
        />
        Keys such as / and ? work everywhere
      </label>
    </Dialog>
  );
}
