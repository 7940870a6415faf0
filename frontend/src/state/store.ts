/**
 * What the panel knows and what the user chose, as signals; everything else is computed from these.
 *
 * Knows neither the network nor the page: `poll.ts` feeds it, the views read and change it.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { ApiError } from '../api/client';
import type { Actions, Permission, Runs } from '../api/types';
import type { Assumed } from '../layout/assumed';
import { formatLink, type LinkState } from '../model/deep-link';
import { type Lineage, lineageOf } from '../model/lineage';
import type { Theme } from '../model/palette';
import type { Checkpoint, Decision, RunModel } from '../model/run';
import type { Asked } from './asking';
import { type PointingSignals, pointingSignals } from './pointing';
import { type RowSignals, rowSignals } from './rows';
import { type RunSignals, runSignals } from './runs';

export type Connection =
  | { readonly state: 'loading' }
  | { readonly state: 'ok' }
  | { readonly state: 'lost' }
  | { readonly state: 'error'; readonly error: ApiError };

export type RowLetter = 'c' | 'p' | 'r';

export interface Pressed {
  readonly letter: RowLetter;
  /** Of the row. */
  readonly key: string;
}

export interface Store extends RunSignals, RowSignals, PointingSignals {
  readonly runs: Signal<Runs | null>;
  readonly models: Signal<ReadonlyMap<string, RunModel>>;
  /** Why the timeline of a run could not be read. */
  readonly runErrors: Signal<ReadonlyMap<string, ApiError>>;
  readonly connection: Signal<Connection>;
  /** Wall time of the last answer, in seconds. */
  readonly answeredAt: Signal<number | null>;
  readonly theme: Signal<Theme>;

  readonly link: Signal<LinkState>;
  readonly railSearch: Signal<string>;
  /** Folders of the list of runs that are folded. */
  readonly foldedGroups: Signal<ReadonlySet<string>>;
  readonly lineage: ReadonlySignal<Lineage>;
  /** What other settings would have done, as the charts show it. */
  readonly assumed: Signal<Assumed | null>;
  /** Said aloud by screen readers. */
  readonly announcement: Signal<string>;

  readonly selectedCheckpoint: ReadonlySignal<Checkpoint | null>;
  readonly selectedDecision: ReadonlySignal<Decision | null>;
  readonly restorePermission: ReadonlySignal<Permission>;
  /** Whether pins, notes and prunes are possible. */
  readonly changePermission: ReadonlySignal<Permission>;
  /** Whether running trainings may be asked for something. */
  readonly livePermission: ReadonlySignal<Permission>;
  /** What TensorBoard printed at its start and wants with such a request; empty until it was given. */
  readonly liveToken: Signal<string>;
  /** Why the last one that was given is none; empty when that is not known. */
  readonly tokenRefusal: Signal<string>;
  /** Whether it must be given first. */
  readonly tokenWanted: ReadonlySignal<boolean>;
  /** What running trainings were asked for from here, oldest first. */
  readonly asked: Signal<readonly Asked[]>;
  /** Keys of the checkpoints that are marked in the table. */
  readonly marked: Signal<ReadonlySet<string>>;
  /** These checkpoints, as far as they are shown, oldest first. */
  readonly markedRows: ReadonlySignal<readonly Checkpoint[]>;

  /** A letter was pressed on a row; the pane of its checkpoint presses the button that has it. */
  readonly pressed: Signal<Pressed | null>;

  change(part: Partial<LinkState>): void;
  /** Takes over a link that was edited or gone back to. */
  follow(link: LinkState): void;
}

const NOT_ASKED_YET: Permission = {
  allowed: false,
  reason: 'TensorBoard has not answered yet.',
  hint: null,
};
const FRAMED: Permission = {
  allowed: false,
  reason: 'A page of another origin shows TensorBoard inside of a frame.',
  hint: 'Open TensorBoard in a tab of its own, or use the command below.',
};

function selected(models: Signal<ReadonlyMap<string, RunModel>>, link: Signal<LinkState>) {
  const selection = computed(() => link.value.selection);
  const model = computed(() => models.value.get(selection.value?.run ?? ''));
  return {
    selectedCheckpoint: computed(() => {
      const target = selection.value;
      if (target?.kind !== 'checkpoint') return null;
      return model.value?.checkpointById.get(target.id) ?? null;
    }),
    selectedDecision: computed(() => {
      const target = selection.value;
      return target?.kind === 'decision' ? (model.value?.decisions[target.index] ?? null) : null;
    }),
  };
}

export function createStore(initial: LinkState, framedByStranger = false): Store {
  const runs = signal<Runs | null>(null);
  const models = signal<ReadonlyMap<string, RunModel>>(new Map());
  const theme = signal<Theme>('light');
  const link = signal(initial);
  const ofRuns = runSignals(runs, models, link, theme);
  const ofRows = rowSignals(link, ofRuns);
  const pressed = signal<Pressed | null>(null);
  const marked = signal<ReadonlySet<string>>(new Set());
  const liveToken = signal('');
  const permission = (name: keyof Actions) =>
    computed(() => (framedByStranger ? FRAMED : (runs.value?.actions[name] ?? NOT_ASKED_YET)));
  return {
    runs,
    models,
    runErrors: signal<ReadonlyMap<string, ApiError>>(new Map()),
    connection: signal<Connection>({ state: 'loading' }),
    answeredAt: signal<number | null>(null),
    theme,
    link,
    railSearch: signal(''),
    foldedGroups: signal<ReadonlySet<string>>(new Set()),
    lineage: computed(() => lineageOf(models.value.values())),
    assumed: signal(null),
    announcement: signal(''),
    ...ofRuns,
    ...ofRows,
    ...pointingSignals(link, ofRuns),
    ...selected(models, link),
    restorePermission: permission('restore'),
    changePermission: permission('change'),
    livePermission: permission('live'),
    liveToken,
    tokenRefusal: signal(''),
    tokenWanted: computed(
      () => (runs.value?.actions.live.token ?? false) && liveToken.value === '',
    ),
    asked: signal<readonly Asked[]>([]),
    marked,
    pressed,
    markedRows: computed(() =>
      marked.value.size === 0
        ? []
        : ofRows.allRows.value
            .filter(({ key }) => marked.value.has(key))
            .sort((a, b) => a.wallTime - b.wallTime),
    ),
    change(part) {
      // What was pressed on another row is not done when that row is opened later.
      if (part.selection !== undefined) pressed.value = null;
      link.value = { ...link.value, ...part };
    },
    follow(next) {
      const same = JSON.stringify(formatLink(next)) === JSON.stringify(formatLink(link.value));
      if (!same) batch(() => (link.value = next));
    },
  };
}
