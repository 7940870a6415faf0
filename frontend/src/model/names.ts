/** Names of runs for narrow places. */

/** The names without the folders that all of them share. */
export function shortNames(names: readonly string[]): string[] {
  const [first = ''] = names;
  const folders = first.split('/').slice(0, -1);
  let shared = 0;
  for (const folder of folders) {
    const prefix = [...folders.slice(0, shared), folder, ''].join('/');
    if (!names.every((name) => name.startsWith(prefix))) break;
    shared++;
  }
  const length = folders.slice(0, shared).reduce((sum, folder) => sum + folder.length + 1, 0);
  return names.length < 2 ? [...names] : names.map((name) => name.slice(length));
}
