/** A computed value that stays the same object while it is equal, so that nobody draws it anew. */
import { computed, type ReadonlySignal } from '@preact/signals';

export function stable<T>(make: () => T, equal: (a: T, b: T) => boolean): ReadonlySignal<T> {
  let last: { readonly value: T } | null = null;
  return computed(() => {
    const value = make();
    if (last === null || !equal(last.value, value)) last = { value };
    return last.value;
  });
}

export function equalSets<T>(a: ReadonlySet<T>, b: ReadonlySet<T>): boolean {
  return a.size === b.size && [...a].every((item) => b.has(item));
}

export function equalMaps<K, V>(a: ReadonlyMap<K, V>, b: ReadonlyMap<K, V>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

export function equalLists<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
