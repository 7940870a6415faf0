/** What can be done with one checkpoint; off with the reason where it is not allowed. */
import { useRef, useState } from 'preact/hooks';
import type { CheckpointDetail } from '../api/types';
import { isRestorable } from '../model/best';
import { type Checkpoint, compareTarget } from '../model/run';
import { usePanel } from '../state/context';
import { ByHand, FoldedByHand } from './by-hand';
import { FailureText } from './failure-text';
import { RestoreDialog } from './restore-dialog';
import { usePressed } from './row-keys';
import { useDeed } from './use-deed';
import { Verify } from './verify';

interface Props {
  readonly detail: CheckpointDetail;
  readonly checkpoint: Checkpoint;
}

export function CheckpointActions({ detail, checkpoint }: Props) {
  const restorable = isRestorable(checkpoint.status);
  const place = usePressed(checkpoint.key);
  return (
    <section ref={place} aria-label="Actions" class="checkpoint-actions">
      <div class="actions">
        {restorable && <Restore detail={detail} />}
        <CompareButton checkpoint={checkpoint} />
        {restorable && <Verify run={detail.run} id={detail.id} />}
      </div>
      <RestoreReason detail={detail} restorable={restorable} />
      {restorable && <Pin detail={detail} />}
      {detail.recoverable && <Recover detail={detail} />}
    </section>
  );
}

function Restore({ detail }: { detail: CheckpointDetail }) {
  const { allowed } = usePanel().store.restorePermission.value;
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  return (
    <>
      <button
        ref={opener}
        type="button"
        class="button primary"
        aria-keyshortcuts="r"
        aria-disabled={!allowed}
        aria-describedby={allowed ? undefined : 'restore-reason'}
        onClick={() => allowed && setOpen(true)}
      >
        Restore to file…
      </button>
      {open && (
        <RestoreDialog
          detail={detail}
          onClose={() => {
            setOpen(false);
            opener.current?.focus();
          }}
        />
      )}
    </>
  );
}

function RestoreReason({ restorable }: { detail: CheckpointDetail; restorable: boolean }) {
  const { allowed, reason, hint } = usePanel().store.restorePermission.value;
  if (allowed || !restorable) return null;
  return (
    <p class="note" id="restore-reason">
      Restoring from here is off. {reason} {hint} The command under “CLI” below does the same.
    </p>
  );
}

/** With the run's best, or with the checkpoint before it where it is the best itself. */
function CompareButton({ checkpoint }: { checkpoint: Checkpoint }) {
  const { store } = usePanel();
  const model = store.models.value.get(checkpoint.run);
  const other = model && compareTarget(model, checkpoint, store.bestKeys.value);
  if (!other) return null;
  return (
    <button
      type="button"
      class="button"
      aria-keyshortcuts="c"
      onClick={() => store.change({ compare: [other.target, checkpoint.target] })}
    >
      Compare
    </button>
  );
}

function Pin({ detail }: { detail: CheckpointDetail }) {
  const { api, store } = usePanel();
  const { allowed, reason, hint } = store.changePermission.value;
  const { busy, failure, run } = useDeed();
  const commands = detail.pinned ? detail.commands.unpin : detail.commands.pin;
  return (
    <div class="deed">
      <button
        type="button"
        class="button"
        aria-keyshortcuts="p"
        aria-pressed={detail.pinned}
        aria-disabled={busy || !allowed}
        aria-describedby={allowed ? undefined : 'change-reason'}
        onClick={() => allowed && run(() => api.pin(detail.run, detail.id, !detail.pinned))}
      >
        {detail.pinned ? 'Unpin' : 'Pin'}
      </button>
      <span class="muted">
        {detail.pinned ? 'No rule removes it.' : 'Keeps it whatever a rule says.'}
      </span>
      {failure && <FailureText failure={failure} />}
      {!allowed && (
        <p class="note" id="change-reason">
          Pin, notes and prune are off. {reason} {hint}
        </p>
      )}
      {allowed && failure === null ? (
        <FoldedByHand commands={commands} action={detail.pinned ? 'unpin' : 'pin'} />
      ) : (
        <ByHand commands={commands} action={detail.pinned ? 'unpin' : 'pin'} />
      )}
    </div>
  );
}

function Recover({ detail }: { detail: CheckpointDetail }) {
  const { api, store } = usePanel();
  const { allowed } = store.changePermission.value;
  const { busy, failure, run } = useDeed();
  return (
    <div class="deed">
      <button
        type="button"
        class="button"
        aria-disabled={busy || !allowed}
        onClick={() => allowed && run(() => api.undo(detail.run, [detail.id]))}
      >
        Take back from the trash
      </button>
      {failure && <FailureText failure={failure} />}
      {allowed && failure === null ? (
        <FoldedByHand commands={detail.commands.recover} action="take back" />
      ) : (
        <ByHand commands={detail.commands.recover} action="take back" />
      )}
    </div>
  );
}
