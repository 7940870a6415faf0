/** Runs by the folder they are in, as the list of runs shows them. Pure. */

export interface RunGroup {
  /** The folder; null for a run that is listed alone, under its whole name. */
  readonly folder: string | null;
  readonly names: readonly string[];
}

export function folderOf(run: string): string {
  return run.slice(0, Math.max(0, run.lastIndexOf('/')));
}

/** Folders of at least two runs, each in the place of its first one, and the other runs. */
export function groupRuns(names: readonly string[]): RunGroup[] {
  const members = new Map<string, string[]>();
  for (const name of names) {
    const folder = folderOf(name);
    members.set(folder, [...(members.get(folder) ?? []), name]);
  }
  return names.flatMap((name): RunGroup[] => {
    const folder = folderOf(name);
    const runs = members.get(folder) ?? [];
    if (folder === '' || runs.length < 2) return [{ folder: null, names: [name] }];
    return runs[0] === name ? [{ folder, names: runs }] : [];
  });
}
