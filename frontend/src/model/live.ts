/** How a running training goes back to a checkpoint, as it is chosen in a form, and its words. Pure. */
import type { LiveAction, LiveChoices, Outcome } from '../api/types';

/** The choices while they are being made: a number may not be one yet. */
export interface LiveForm {
  readonly optimizer: boolean;
  readonly rate: 'checkpoint' | 'keep' | 'value';
  readonly value: string;
  readonly counters: LiveChoices['counters'];
}

const LARGEST_RATE = 1e6;

/** What to begin with: all that the file holds. */
export function firstForm(hasOptimizer: boolean): LiveForm {
  return {
    optimizer: hasOptimizer,
    rate: hasOptimizer ? 'checkpoint' : 'keep',
    value: '',
    counters: 'reset',
  };
}

/** The form with or without the state of the optimizer; a learning rate that nobody typed goes with it. */
export function withOptimizer(form: LiveForm, optimizer: boolean): LiveForm {
  const rate = optimizer ? 'checkpoint' : 'keep';
  return { ...form, optimizer, rate: form.rate === 'value' ? 'value' : rate };
}

/** A learning rate as text for the server; null when it is none. */
export function parseRate(text: string): string | null {
  const rate = text.trim() === '' ? Number.NaN : Number(text);
  return rate >= 0 && rate <= LARGEST_RATE ? String(rate) : null;
}

/** The choices; null while they cannot be asked for. */
export function choicesOf({ optimizer, rate, value, counters }: LiveForm): LiveChoices | null {
  const learning_rate = rate === 'value' ? parseRate(value) : rate;
  return learning_rate === null ? null : { optimizer, learning_rate, counters };
}

export const LIVE_LABEL: Record<LiveAction, string> = {
  restore: 'Restore',
  undo: 'Undo',
  pause: 'Pause',
  continue: 'Continue',
  stop: 'Stop',
  save: 'Save now',
  learning_rate: 'Learning rate',
};

export const OUTCOME_LABEL: Record<Outcome, string> = {
  working: 'Asked',
  done: 'Done',
  refused: 'Refused',
  failed: 'Failed',
  expired: 'Too late',
  nobody: 'Nobody listens',
};
