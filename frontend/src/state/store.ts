/**
 * What the panel knows and what the user chose, as signals; everything else is computed from these.
 *
 * Knows neither the network nor the page: `poll.ts` feeds it, the views read and change it.
 */
import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import type { ApiError } from '../api/client';
import type { Direction, Permission, RunSummary, Runs } from '../api/types';
import type { ShownRun } from '../layout/marks';
import { bestCheckpoint } from '../model/best';
import { formatLink, type LinkState } from '../model/deep-link';
import { defaultMetric, knownDirection, type MetricChoice, metricChoices } from '../model/metrics';
import { runColor, type Theme } from '../model/palette';
import { filterRows, type RowFilter, type Sort, sortRows } from '../model/rows';
import { type Checkpoint, type Decision, metricOf, type RunModel } from '../model/run';
import { isShown } from '../model/run-filter';
import type { Target } from '../model/target';

export type Connection =
  | { readonly state: 'loading' }
  | { readonly state: 'ok' }
  | { readonly state: 'lost' }
  | { readonly state: 'error'; readonly error: ApiError };

/** Newest first: in a live run the news is at the top. */
export const DEFAULT_SORT: Sort = { column: 'saved', descending: true };
export const NO_FILTER: RowFilter = { text: '', status: 'all' };

export interface Store {
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
  readonly sort: Signal<Sort>;
  readonly rowFilter: Signal<RowFilter>;
  readonly hover: Signal<Target | null>;
  /** Said aloud by screen readers. */
  readonly announcement: Signal<string>;

  readonly summaries: ReadonlySignal<readonly RunSummary[]>;
  readonly shownModels: ReadonlySignal<readonly RunModel[]>;
  readonly choices: ReadonlySignal<readonly MetricChoice[]>;
  readonly choice: ReadonlySignal<MetricChoice | null>;
  readonly direction: ReadonlySignal<Direction>;
  readonly shownRuns: ReadonlySignal<readonly ShownRun[]>;
  readonly bestKeys: ReadonlySignal<ReadonlySet<string>>;
  readonly allRows: ReadonlySignal<readonly Checkpoint[]>;
  readonly rows: ReadonlySignal<readonly Checkpoint[]>;
  readonly selectedCheckpoint: ReadonlySignal<Checkpoint | null>;
  readonly selectedDecision: ReadonlySignal<Decision | null>;
  readonly restorePermission: ReadonlySignal<Permission>;

  change(part: Partial<LinkState>): void;
  /** Takes over a link that was edited or gone back to. */
  follow(link: LinkState): void;
  color(run: string): string;
}

const NOT_ASKED_YET: Permission = {
  allowed: false,
  reason: 'TensorBoard has not answered yet.',
  hint: null,
};

export function createStore(initial: LinkState, framedByStranger = false): Store {
  const runs = signal<Runs | null>(null);
  const models = signal<ReadonlyMap<string, RunModel>>(new Map());
  const theme = signal<Theme>('light');
  const link = signal(initial);
  const sort = signal(DEFAULT_SORT);
  const rowFilter = signal(NO_FILTER);

  // Parts of the link, each of them stable while another part changes.
  const filter = computed(() => link.value.runs);
  const metricKey = computed(() => link.value.metric);
  const chosenDirection = computed(() => link.value.direction);
  const selection = computed(() => link.value.selection);

  const summaries = computed(() => runs.value?.runs ?? []);
  const colorIndex = computed(
    () => new Map(summaries.value.map(({ run, color_index }) => [run, color_index])),
  );
  const color = (run: string) => runColor(colorIndex.value.get(run) ?? 0, theme.value);

  const shownModels = computed(() =>
    summaries.value
      .filter(({ run }) => isShown(filter.value, run))
      .map(({ run }) => models.value.get(run))
      .filter((model) => model !== undefined),
  );
  const choices = computed(() => metricChoices(shownModels.value));
  const choice = computed(
    () =>
      choices.value.find(({ key }) => key === metricKey.value) ??
      defaultMetric(choices.value, shownModels.value),
  );
  const direction = computed<Direction>(() => {
    const known = choice.value && knownDirection(choice.value.rank, shownModels.value);
    return chosenDirection.value ?? known ?? 'min';
  });
  const shownRuns = computed(() =>
    shownModels.value.map((model) => ({
      model,
      color: color(model.name),
      best: choice.value && bestCheckpoint(model, choice.value.rank, direction.value),
    })),
  );
  const bestKeys = computed<ReadonlySet<string>>(
    () => new Set(shownRuns.value.flatMap(({ best }) => (best === null ? [] : [best.key]))),
  );
  const allRows = computed(() => shownModels.value.flatMap(({ checkpoints }) => checkpoints));
  const filtered = computed(() => filterRows(allRows.value, rowFilter.value, bestKeys.value));

  const selectedRun = computed(() => {
    const target = selection.value;
    return target === null ? undefined : models.value.get(target.run);
  });

  return {
    runs,
    models,
    runErrors: signal<ReadonlyMap<string, ApiError>>(new Map()),
    connection: signal<Connection>({ state: 'loading' }),
    answeredAt: signal<number | null>(null),
    theme,
    link,
    railSearch: signal(''),
    sort,
    rowFilter,
    hover: signal<Target | null>(null),
    announcement: signal(''),
    summaries,
    shownModels,
    choices,
    choice,
    direction,
    shownRuns,
    bestKeys,
    allRows,
    rows: computed(() => sortRows(filtered.value, sort.value, bestKeys.value)),
    selectedCheckpoint: computed(() => {
      const target = selection.value;
      if (target?.kind !== 'checkpoint') return null;
      return selectedRun.value?.checkpointById.get(target.id) ?? null;
    }),
    selectedDecision: computed(() => {
      const target = selection.value;
      if (target?.kind !== 'decision') return null;
      return selectedRun.value?.decisions[target.index] ?? null;
    }),
    restorePermission: computed(() =>
      framedByStranger
        ? {
            allowed: false,
            reason: 'A page of another origin shows TensorBoard inside of a frame.',
            hint: 'Open TensorBoard in a tab of its own, or use the command below.',
          }
        : (runs.value?.actions.restore ?? NOT_ASKED_YET),
    ),
    change(part) {
      link.value = { ...link.value, ...part };
    },
    follow(next) {
      const same = JSON.stringify(formatLink(next)) === JSON.stringify(formatLink(link.value));
      if (!same) batch(() => (link.value = next));
    },
    color,
  };
}

/** The metric columns of the table: the shown ones first, then the other validation metrics. */
export function metricColumns(store: Store, limit: number): string[] {
  const shown = store.choice.value;
  if (shown === null) return [];
  const names = [shown.validation, shown.train].filter((name) => name !== null);
  for (const { key, rank } of store.choices.value) if (key !== shown.key) names.push(rank);
  const rows = store.allRows.value;
  const used = (name: string) => rows.some((row) => metricOf(row, name) !== null);
  return names.filter((name) => name === shown.rank || used(name)).slice(0, limit);
}
