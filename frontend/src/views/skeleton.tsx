/** Stands for the panel while its first data is on the way. */
export function Skeleton() {
  return (
    <main class="skeleton">
      <h1 class="visually-hidden">Checkpoints</h1>
      <p role="status">Loading checkpoints…</p>
      <div class="bone chart-bone" />
      {Array.from({ length: 6 }, (_, i) => (
        <div key={i} class="bone row-bone" />
      ))}
    </main>
  );
}
