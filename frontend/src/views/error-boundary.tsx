/** Shows a message where a mistake of ours would leave a white page. */
import { Component, type ComponentChildren } from 'preact';

interface State {
  readonly error: Error | null;
}

export class ErrorBoundary extends Component<{ children: ComponentChildren }, State> {
  override state: State = { error: null };

  static override getDerivedStateFromError(error: unknown): State {
    return { error: error instanceof Error ? error : new Error(String(error)) };
  }

  override componentDidCatch(error: unknown): void {
    console.error(error);
  }

  override render() {
    const { error } = this.state;
    if (error === null) return this.props.children;
    return (
      <main class="failure">
        <h1>The Checkpoints panel stopped</h1>
        <p role="alert">
          This is a mistake in the panel. Your training, checkpoints and logs are not affected; the
          command line (<code>epochline ls</code>) still works.
        </p>
        <pre>{error.stack ?? error.message}</pre>
        <button type="button" class="button primary" onClick={() => location.reload()}>
          Reload this page
        </button>
      </main>
    );
  }
}
