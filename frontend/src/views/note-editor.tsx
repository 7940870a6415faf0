/** Note and tags of a checkpoint: read, and edited where that is allowed. */
import { useRef, useState } from 'preact/hooks';
import type { CheckpointDetail } from '../api/types';
import { parseTags } from '../model/tags';
import { usePanel } from '../state/context';
import { ByHand } from './by-hand';
import { FailureText } from './failure-text';
import { useDeed } from './use-deed';

const LONGEST_NOTE = 4000;

export function NoteEditor({ detail }: { detail: CheckpointDetail }) {
  const { store } = usePanel();
  const { allowed } = store.changePermission.value;
  const [editing, setEditing] = useState(false);
  const { note, tags } = detail;
  const empty = note === '' && tags.length === 0;
  return (
    <section class="noted">
      <div class="noted-head">
        <h3>Note and tags</h3>
        {!editing && (
          <button
            type="button"
            class="button small"
            id="edit-note"
            aria-disabled={!allowed}
            onClick={() => allowed && setEditing(true)}
          >
            {empty ? 'Add' : 'Edit'}
          </button>
        )}
      </div>
      {editing ? (
        <Editor
          detail={detail}
          onDone={() => {
            setEditing(false);
            setTimeout(() => document.getElementById('edit-note')?.focus());
          }}
        />
      ) : (
        <Shown detail={detail} />
      )}
      {!allowed && <ByHand commands={detail.commands.annotate} action="note" />}
    </section>
  );
}

function Shown({ detail: { note, tags } }: { detail: CheckpointDetail }) {
  return (
    <>
      {note !== '' && (
        <p class="noted-text" dir="auto">
          {note}
        </p>
      )}
      {tags.length > 0 && (
        <ul class="tags" aria-label="Tags">
          {tags.map((tag) => (
            <li key={tag} class="chip">
              <bdi>{tag}</bdi>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Editor({ detail, onDone }: { detail: CheckpointDetail; onDone: () => void }) {
  const { api } = usePanel();
  const { busy, failure, run } = useDeed();
  const text = useRef<HTMLTextAreaElement>(null);
  const words = useRef<HTMLInputElement>(null);
  const save = async (event: Event) => {
    event.preventDefault();
    const note = text.current?.value ?? '';
    const tags = parseTags(words.current?.value ?? '');
    if (await run(() => api.annotate(detail.run, detail.id, { note, tags }))) onDone();
  };
  return (
    <form
      class="note-form"
      onSubmit={save}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onDone();
      }}
    >
      <label>
        Note
        <textarea
          ref={text}
          rows={3}
          maxLength={LONGEST_NOTE}
          autofocus
          defaultValue={detail.note}
        />
      </label>
      <label>
        Tags, with commas
        <input ref={words} type="text" defaultValue={detail.tags.join(', ')} />
      </label>
      {failure && (
        <>
          <FailureText failure={failure} />
          <ByHand commands={detail.commands.annotate} action="note" />
        </>
      )}
      <div class="actions">
        <button type="submit" class="button primary small" aria-disabled={busy}>
          {busy ? 'Saving…' : 'Save'}
        </button>
        <button type="button" class="button small" onClick={onDone}>
          Cancel
        </button>
      </div>
    </form>
  );
}
