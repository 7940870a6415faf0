/** A part of the panel that is fetched when it is first needed. */
import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

/** The component that `load` brings; if its file is gone, the plugin was updated under this page. */
export function lazyPart<P extends object>(load: () => Promise<ComponentType<P>>) {
  let loaded: ComponentType<P> | null = null;
  return function LazyPart(props: P) {
    const [failed, setFailed] = useState(false);
    const [Part, setPart] = useState<ComponentType<P> | null>(() => loaded);
    useEffect(() => {
      if (Part !== null) return;
      load().then(
        (part) => {
          loaded = part;
          setPart(() => part);
        },
        () => setFailed(true),
      );
    }, []);
    if (Part !== null) return <Part {...props} />;
    if (!failed) return null;
    return (
      <div class="note updated" role="alert">
        <p>The plugin was updated. Reload this page to continue.</p>
        <button type="button" class="button" onClick={() => location.reload()}>
          Reload
        </button>
      </div>
    );
  };
}
