/** The sentences and labels that the views compose from values. */
import type { CheckpointDetail, Reason, Status } from '../api/types';
import { formatBytes, formatEpoch, formatInteger, formatTime } from './format';
import type { Decision } from './run';

export const STATUS_LABEL: Record<Status, string> = {
  saved: 'Saved',
  pinned: 'Pinned',
  pruned: 'Pruned',
  missing: 'Missing',
  corrupt: 'Corrupt',
  failed: 'Failed',
};

/** What a status means for somebody who wants the weights back. */
export const STATUS_MEANING: Record<Status, string> = {
  saved: 'The file is on disk.',
  pinned: 'The file is on disk and no rule removes it.',
  pruned: 'Removed by a keep rule. A pin keeps a checkpoint from all of them.',
  missing: 'The file was there, but is not any more. Metrics remain, weights do not.',
  corrupt: 'The file does not match its digest. It cannot be restored.',
  failed: 'Saving failed. There is no file to restore.',
};

export const REASON_LABEL: Record<Reason, string> = {
  best: 'Best so far',
  scheduled: 'Scheduled',
  manual: 'Manual',
  adopted: 'Adopted',
  average: 'Average',
};

/** Headings of the table. */
export const COLUMN_LABEL = {
  status: 'Status',
  run: 'Run',
  epoch: 'Epoch',
  step: 'Step',
  saved: 'Saved',
  size: 'Size',
  reason: 'Reason',
  why: 'Why',
  tags: 'Tags',
  note: 'Note',
  file: 'File',
  id: 'Id',
} as const;

export function decisionTitle({ topic, verdict }: Decision): string {
  switch (topic) {
    case 'learning_rate':
      return 'Learning rate';
    case 'stop':
      return verdict === 'stopped' ? 'Early stop' : 'Early stopping';
    case 'restore':
      return 'Restore';
    default:
      return 'Checkpoint';
  }
}

/** A verdict as words: `not_saved` → `not saved`. */
export function verdictLabel(verdict: string): string {
  return verdict.replaceAll('_', ' ');
}

/** What *Restore to file* does, item by item, before it does it. */
export function restorePlan(detail: CheckpointDetail): string[] {
  const folder = detail.run === '.' ? 'restored/' : `${detail.run}/restored/`;
  const copy = `copy ${detail.name} (${formatBytes(detail.size_bytes)}) into ${folder}`;
  return [
    detail.digest === null ? copy : `check that the file matches its digest, then ${copy}`,
    'overwrite nothing: if the copy is already there, it is used as it is',
    'leave the training, its checkpoints and its logs untouched',
  ];
}

/** One line that names a checkpoint: epoch, step and time. */
export function momentLabel(at: { epoch: number; step: number; wallTime: number }): string {
  return `epoch ${formatEpoch(at.epoch)} · step ${formatInteger(at.step)} · ${formatTime(at.wallTime)}`;
}
