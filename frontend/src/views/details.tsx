/** The pane for what is selected: a checkpoint or a decision. A sheet over the page where it is narrow. */
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { useStore } from '../state/context';
import { Icon } from './icon';
import { lazyPart } from './lazy-part';
import { isNarrow, viewport } from './viewport';

const CheckpointPane = lazyPart(() => import('./panes').then((part) => part.CheckpointPane));
const WhyPane = lazyPart(() => import('./panes').then((part) => part.WhyPane));
const WhatIfPane = lazyPart(() => import('./what-if-pane').then((part) => part.WhatIfPane));
const DecisionPane = lazyPart(() => import('./panes').then((part) => part.DecisionPane));

export function Details() {
  const store = useStore();
  const checkpoint = store.selectedCheckpoint.value;
  const decision = store.selectedDecision.value;
  const { selection, why, whatIf } = store.link.value;
  if (whatIf !== null) {
    const { run } = whatIf;
    return (
      <Pane run={run} title={`What if · ${run}`} close={() => store.change({ whatIf: null })}>
        <WhatIfPane question={whatIf} />
      </Pane>
    );
  }
  if (why !== null) {
    // The story follows what is selected.
    const run = selection?.run ?? why;
    return (
      <Pane run={run} title={`Story · ${run}`} close={() => store.change({ why: null })}>
        <WhyPane run={run} />
      </Pane>
    );
  }
  if (checkpoint !== null) {
    return (
      <Pane run={checkpoint.run}>
        <CheckpointPane key={checkpoint.key} checkpoint={checkpoint} />
      </Pane>
    );
  }
  if (decision !== null) {
    return (
      <Pane run={decision.run}>
        <DecisionPane decision={decision} />
      </Pane>
    );
  }
  // A link can name what is not there: a run that is hidden, or was deleted.
  if (selection === null || store.connection.value.state !== 'ok') return null;
  return (
    <Pane run={selection.run}>
      <p>
        This {selection.kind} is not in the data. Its run may be hidden in the list of runs, or have
        been deleted.
      </p>
    </Pane>
  );
}

interface PaneProps {
  readonly run: string;
  readonly title?: string;
  /** Takes away what the pane shows; the selection where it is not given. */
  readonly close?: () => void;
  readonly children: ComponentChildren;
}

function Pane({ run, title = run, close: closing, children }: PaneProps) {
  const store = useStore();
  const pane = useRef<HTMLElement>(null);
  const close = () => {
    if (closing) closing();
    else store.change({ selection: null });
    document.getElementById('checkpoint-grid')?.focus();
  };
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const inDialog = event.target instanceof Element && event.target.closest('dialog');
      if (event.key === 'Escape' && !inDialog) close();
    };
    document.addEventListener('keydown', onKeyDown);
    return () => document.removeEventListener('keydown', onKeyDown);
  }, []);
  useEffect(() => {
    if (isNarrow(viewport.peek())) document.getElementById('details-title')?.focus();
  }, []);
  return (
    <aside ref={pane} class="details" aria-labelledby="details-title">
      <header>
        <span class="swatch" style={{ background: store.color(run) }} />
        <h2 id="details-title" tabIndex={-1} dir="auto" title={title}>
          {title}
        </h2>
        {closing === undefined && (
          <button
            type="button"
            class="button small"
            title="What was decided in this run, and why"
            onClick={() => store.change({ why: run })}
          >
            Story
          </button>
        )}
        <button type="button" class="icon-button" aria-label="Close details" onClick={close}>
          <Icon name="close" />
        </button>
      </header>
      <div class="details-body">{children}</div>
    </aside>
  );
}
