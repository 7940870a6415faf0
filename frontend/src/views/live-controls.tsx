/** Pause, save, learning rate, undo and stop of one running training. */
import { useEffect, useRef, useState } from 'preact/hooks';
import type { LiveAction, LiveRequest, LiveState } from '../api/types';
import { LIVE_LABEL, parseRate } from '../model/live';
import { ask, newRequest } from '../state/asking';
import { usePanel } from '../state/context';
import { ByHand } from './by-hand';
import { FailureText } from './failure-text';
import { TokenForm } from './token-form';
import { type Deed, useDeed } from './use-deed';

type Act = (action: LiveAction, what?: string, part?: Partial<LiveRequest>) => Promise<void>;

interface Props {
  readonly state: LiveState;
  /** The runs that are being trained. */
  readonly runs: readonly string[];
  readonly onRun: (run: string) => void;
  readonly close: () => void;
}

export function LiveControls({ state, runs, onRun, close }: Props) {
  const panel = usePanel();
  const { allowed, reason, hint } = panel.store.livePermission.value;
  const tokenWanted = allowed && panel.store.tokenWanted.value;
  const deed = useDeed();
  const controls = useRef<HTMLDivElement>(null);
  const focusFirst = () => setTimeout(() => controls.current?.querySelector('button')?.focus());
  const act: Act = async (action, what = LIVE_LABEL[action], part = {}) => {
    if (!allowed) return;
    if (await deed.run(() => ask(panel, newRequest(state.run, action, part), what))) close();
  };
  return (
    <div ref={controls} class="live-controls">
      {runs.length > 1 ? (
        <label class="field">
          <span>Run</span>
          <select value={state.run} onChange={({ currentTarget }) => onRun(currentTarget.value)}>
            {runs.map((run) => (
              <option key={run} value={run}>
                {run}
              </option>
            ))}
          </select>
        </label>
      ) : (
        <strong>
          <bdi>{state.run}</bdi>
        </strong>
      )}
      <p class="muted">{state.message}</p>
      {!allowed && (
        <p class="note" id="live-reason">
          Asking the training from here is off. {reason} {hint} The commands below do the same.
        </p>
      )}
      {tokenWanted && <TokenForm onUse={focusFirst} />}
      {state.listening && !tokenWanted && (
        <Buttons state={state} deed={deed} allowed={allowed} act={act} />
      )}
      {deed.failure && !tokenWanted && <FailureText failure={deed.failure} />}
      <AsCommands commands={state.commands} open={!allowed || deed.failure !== null} />
    </div>
  );
}

interface ButtonsProps {
  readonly state: LiveState;
  readonly deed: Deed;
  readonly allowed: boolean;
  readonly act: Act;
}

function Buttons({ state, deed, allowed, act }: ButtonsProps) {
  const [stopping, setStopping] = useState(false);
  const off = {
    'aria-disabled': deed.busy || !allowed,
    'aria-describedby': allowed ? undefined : 'live-reason',
  };
  const button = (action: LiveAction, title: string, caption = LIVE_LABEL[action]) => (
    <button type="button" class="button" title={title} onClick={() => act(action)} {...off}>
      {caption}
    </button>
  );
  if (stopping) {
    const cancel = () => {
      setStopping(false);
      setTimeout(() => document.getElementById('stop-training')?.focus());
    };
    return <StopConfirmation off={off} act={act} onCancel={cancel} />;
  }
  return (
    <>
      <div class="actions">
        {state.paused
          ? button('continue', 'It goes on where it stands')
          : button('pause', 'It stands still before its next batch, and still answers')}
        {button('save', 'A checkpoint that stays: it is pinned')}
        {button('undo', 'Takes the last restore back', 'Undo last restore')}
        <button
          type="button"
          id="stop-training"
          class="button"
          onClick={() => allowed && setStopping(true)}
          {...off}
        >
          Stop…
        </button>
      </div>
      <RateForm off={off} act={act} />
    </>
  );
}

interface StopProps {
  readonly off: object;
  readonly act: Act;
  readonly onCancel: () => void;
}

function StopConfirmation({ off, act, onCancel }: StopProps) {
  const safe = useRef<HTMLButtonElement>(null);
  // The pressed button went away.
  useEffect(() => safe.current?.focus(), []);
  return (
    <>
      <p>The training ends after one more batch, as by early stopping, with a last checkpoint.</p>
      <div class="actions">
        <button ref={safe} type="button" class="button" onClick={onCancel}>
          Cancel
        </button>
        <button type="button" class="button primary" onClick={() => act('stop')} {...off}>
          Stop the training
        </button>
      </div>
    </>
  );
}

function RateForm({ off, act }: { off: object; act: Act }) {
  const input = useRef<HTMLInputElement>(null);
  const [wrong, setWrong] = useState(false);
  const set = (event: Event) => {
    event.preventDefault();
    const rate = parseRate(input.current?.value ?? '');
    setWrong(rate === null);
    if (rate !== null)
      void act('learning_rate', `${LIVE_LABEL.learning_rate} ${rate}`, { learning_rate: rate });
  };
  return (
    <form class="rate-form" onSubmit={set}>
      <label class="field">
        <span>Learning rate</span>
        <input
          ref={input}
          type="text"
          inputMode="decimal"
          class="count-input"
          placeholder="1e-4"
          aria-invalid={wrong}
        />
      </label>
      <button type="submit" class="button" {...off}>
        Set
      </button>
      {wrong && <p class="note bad">Give a number from 0, such as 1e-4.</p>}
    </form>
  );
}

type Command = keyof LiveState['commands'];

function AsCommands({ commands, open }: { commands: LiveState['commands']; open: boolean }) {
  const [action, setAction] = useState<Command>('pause');
  return (
    <details class="folded" open={open}>
      <summary>The same as a command</summary>
      <label class="field">
        <span>To</span>
        <select
          value={action}
          onChange={({ currentTarget }) => setAction(currentTarget.value as Command)}
        >
          {(Object.keys(commands) as Command[]).map((name) => (
            <option key={name} value={name}>
              {LIVE_LABEL[name]}
            </option>
          ))}
        </select>
      </label>
      <ByHand commands={commands[action]} action={LIVE_LABEL[action].toLowerCase()} />
    </details>
  );
}
