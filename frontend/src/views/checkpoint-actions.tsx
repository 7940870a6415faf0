/** What can be done with one checkpoint; off with the reason where it is not allowed. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';
import type { CheckpointDetail, Permission } from '../api/types';
import { isRestorable } from '../model/best';
import { type Checkpoint, compareTarget } from '../model/run';
import { usePanel } from '../state/context';
import { ByHand, FoldedByHand } from './by-hand';
import { FailureText } from './failure-text';
import { lazyPart } from './lazy-part';
import { RestoreDialog } from './restore-dialog';
import { usePressed } from './row-keys';
import { useDeed } from './use-deed';
import { Verify } from './verify';

const LiveDialog = lazyPart(() => import('./live-dialog').then((part) => part.LiveDialog));

interface Props {
  readonly detail: CheckpointDetail;
  readonly checkpoint: Checkpoint;
}

export function CheckpointActions({ detail, checkpoint }: Props) {
  const restorable = isRestorable(checkpoint.status);
  const place = usePressed(checkpoint.key);
  const model = usePanel().store.models.value.get(checkpoint.run);
  // Of a training that never said that it ended, the dialog tells whether it listens.
  const live = restorable && model !== undefined && model.timeline.state !== 'ended';
  return (
    <section ref={place} aria-label="Actions" class="checkpoint-actions">
      <div class="actions">
        <RestoreLive detail={detail} shown={live} />
        <RestoreToFile detail={detail} shown={restorable} primary={!live} />
        <CompareButton checkpoint={checkpoint} />
        {restorable && <Verify run={detail.run} id={detail.id} />}
      </div>
      <OffNotes restorable={restorable} live={live} />
      {restorable && <Pin detail={detail} />}
      {detail.recoverable && <Recover detail={detail} />}
    </section>
  );
}

interface OpenerProps {
  readonly label: string;
  readonly shown: boolean;
  readonly primary: boolean;
  readonly off?: boolean;
  /** The dialog that it opens. */
  readonly children: (onClose: () => void) => ComponentChildren;
}

/** The dialog stays when the button goes, because a rule removed the file or the training ended. */
function DialogButton({ label, shown, primary, off = false, children }: OpenerProps) {
  const [open, setOpen] = useState(false);
  const opener = useRef<HTMLButtonElement>(null);
  const onClose = () => {
    setOpen(false);
    opener.current?.focus();
  };
  return (
    <>
      {shown && (
        <button
          ref={opener}
          type="button"
          class={primary ? 'button primary' : 'button'}
          aria-keyshortcuts={primary ? 'r' : undefined}
          aria-disabled={off}
          aria-describedby={off ? OFF_NOTES : undefined}
          onClick={() => !off && setOpen(true)}
        >
          {label}
        </button>
      )}
      {open && children(onClose)}
    </>
  );
}

interface RestoreProps {
  readonly detail: CheckpointDetail;
  readonly shown: boolean;
}

function RestoreToFile({ detail, shown, primary }: RestoreProps & { primary: boolean }) {
  const { allowed } = usePanel().store.restorePermission.value;
  return (
    <DialogButton label="Restore to file…" shown={shown} primary={primary} off={!allowed}>
      {(onClose) => <RestoreDialog detail={detail} onClose={onClose} />}
    </DialogButton>
  );
}

/** Where it is off the dialog says so, and has the command for what is chosen there. */
function RestoreLive({ detail, shown }: RestoreProps) {
  return (
    <DialogButton label="Restore into the running training…" shown={shown} primary>
      {(onClose) => <LiveDialog detail={detail} onClose={onClose} />}
    </DialogButton>
  );
}

const OFF_NOTES = 'off-notes';

/** What cannot be done from here, and why; actions that are off for the same reason are told together. */
function OffNotes({ restorable, live }: { restorable: boolean; live: boolean }) {
  const { restorePermission, livePermission, changePermission } = usePanel().store;
  const actions: [string, Permission, boolean][] = [
    ['restore to a file', restorePermission.value, restorable],
    ['restore into the training', livePermission.value, live],
    ['pin, note and prune', changePermission.value, true],
  ];
  const notes = new Map<string, string[]>();
  for (const [name, { allowed, reason, hint }, applies] of actions) {
    if (allowed || !applies) continue;
    const why = `${reason} ${hint ?? ''}`;
    notes.set(why, [...(notes.get(why) ?? []), name]);
  }
  if (notes.size === 0) return null;
  return (
    <div id={OFF_NOTES}>
      {[...notes].map(([why, names]) => (
        <p key={why} class="note">
          Off from here: {names.join('; ')}. {why} The commands shown do the same.
        </p>
      ))}
    </div>
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
  const { allowed } = store.changePermission.value;
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
        aria-describedby={allowed ? undefined : OFF_NOTES}
        onClick={() => allowed && run(() => api.pin(detail.run, detail.id, !detail.pinned))}
      >
        {detail.pinned ? 'Unpin' : 'Pin'}
      </button>
      <span class="muted">
        {detail.pinned ? 'No rule removes it.' : 'Keeps it whatever a rule says.'}
      </span>
      {failure && <FailureText failure={failure} />}
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
        aria-describedby={allowed ? undefined : OFF_NOTES}
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
