/** Results that are kept instead of made again. */
import { equalLists } from './equal';

/** `make`, but each key only once. */
export function memo<K, V>(make: (key: K) => V): (key: K) => V {
  const made = new Map<K, V>();
  return (key) => {
    const old = made.get(key);
    if (old !== undefined) return old;
    const value = make(key);
    made.set(key, value);
    return value;
  };
}

/**
 * `make`, but the same result for an object as long as the further arguments stay the same.
 *
 * Of a hundred runs mostly one has news: what is made of the others stays, down to its identity, and is
 * forgotten together with them.
 */
export function latest<K extends object, A extends readonly unknown[], V>(
  make: (of: K, ...rest: A) => V,
): (of: K, ...rest: A) => V {
  const made = new WeakMap<K, { readonly rest: A; readonly value: V }>();
  return (of, ...rest) => {
    const old = made.get(of);
    if (old !== undefined && equalLists(old.rest, rest)) return old.value;
    const value = make(of, ...rest);
    made.set(of, { rest, value });
    return value;
  };
}
