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
