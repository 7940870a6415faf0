/** Stands for the panel while its first data is on the way. */
export function Skeleton() {
  return (
    <main class="skeleton" aria-busy="true" aria-label="Checkpoints">
      <p role="status">Loading checkpoints…</p>
      <div class="bone chart-bone" />
      {Array.from({ length: 6 }, (_, i) => (
        <div key={i} class="bone row-bone" />
      ))}
    </main>
  );
}
