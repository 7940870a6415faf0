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
