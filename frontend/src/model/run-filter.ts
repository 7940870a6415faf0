/**
 * Which runs are shown, and which the rail lists.
 *
 * `hide` shows runs that appear later, `show` does not: a user who picked two of a hundred keeps two.
 */
export interface RunFilter {
  readonly mode: 'hide' | 'show';
  readonly names: ReadonlySet<string>;
}

export const ALL_RUNS: RunFilter = { mode: 'hide', names: new Set() };

export function isShown(filter: RunFilter, run: string): boolean {
  return filter.names.has(run) === (filter.mode === 'show');
}

/** The filter that shows exactly `shown` of `all`, in its shorter form. */
export function showOnly(shown: ReadonlySet<string>, all: readonly string[]): RunFilter {
  const hidden = all.filter((run) => !shown.has(run));
  if (hidden.length <= all.length / 2) return { mode: 'hide', names: new Set(hidden) };
  return { mode: 'show', names: new Set(all.filter((run) => shown.has(run))) };
}

export function toggleRun(filter: RunFilter, run: string, all: readonly string[]): RunFilter {
  const shown = new Set(all.filter((name) => isShown(filter, name)));
  if (!shown.delete(run)) shown.add(run);
  return showOnly(shown, all);
}

/** Search as TensorBoard's own run filter does: a regular expression, or plain text if it is not one. */
export function matchesSearch(search: string): (run: string) => boolean {
  if (search === '') return () => true;
  try {
    const pattern = new RegExp(search, 'i');
    return (run) => pattern.test(run);
  } catch {
    const needle = search.toLowerCase();
    return (run) => run.toLowerCase().includes(needle);
  }
}
