/** The settings that can be replayed: those of both callbacks, and what is kept. */
import type { ComponentChildren } from 'preact';
import type { EarlyStoppingRule, PlateauRule, WhatIf } from '../api/types';
import type { Setting, Settings } from '../model/question';
import { SettingField } from './setting-field';

/** What a callback has by default that the training did not have. */
const STARTING_PATIENCE = '10';
const FACTOR_STEP = 0.05;
const FACTOR_END = 0.95;

export interface SettingsProps {
  readonly answer: WhatIf;
  readonly settings: Settings;
  readonly metrics: readonly string[];
  readonly change: (part: Settings) => void;
}

/** A rule by the names of the request. */
type Values = Partial<Record<Setting, unknown>>;

function stopValues(rule: EarlyStoppingRule | null): Values {
  if (rule === null) return {};
  const { monitor, mode, patience, min_delta, baseline, start_from_epoch } = rule;
  return { monitor, mode, patience, min_delta, baseline, start_from_epoch };
}

function cutValues(rule: PlateauRule | null): Values {
  if (rule === null) return {};
  const { monitor, mode, patience, min_delta, factor, cooldown, min_lr } = rule;
  return {
    lr_monitor: monitor,
    lr_mode: mode,
    lr_patience: patience,
    lr_min_delta: min_delta,
    factor,
    cooldown,
    min_lr,
  };
}

const shown = (value: unknown) => (value == null ? '' : String(value));

/** Fields for the settings of one callback. */
function fieldsFor({ settings, metrics, change }: SettingsProps, now: Values, before: Values) {
  const value = (name: Setting) => settings[name] ?? shown(now[name]);
  const was = (name: Setting) => {
    const old = shown(before[name]) || 'none';
    return name in before && value(name) !== shown(before[name]) ? old : null;
  };
  return {
    number: (
      name: Setting,
      label: string,
      more: { step?: number | 'any'; slider?: number; min?: number } = {},
    ) => (
      <SettingField
        label={label}
        value={value(name)}
        was={was(name)}
        onChange={(next) => change({ [name]: next })}
        {...more}
      />
    ),
    choice: (name: Setting, label: string, options: readonly (readonly [string, string])[]) => (
      <label class="setting wide">
        <span>{label}</span>
        <select
          value={value(name)}
          onChange={({ currentTarget }) => change({ [name]: currentTarget.value })}
        >
          {options.map(([option, text]) => (
            <option key={option} value={option}>
              {text}
            </option>
          ))}
        </select>
      </label>
    ),
    metrics: metrics.map((name) => [name, name] as const),
  };
}

const DIRECTIONS = [
  ['min', 'lowest'],
  ['max', 'highest'],
] as const;

interface GroupProps {
  readonly title: string;
  /** Whether the training had it. */
  readonly recorded: boolean;
  readonly replayed: boolean;
  readonly onAdd: () => void;
  readonly onRemove: () => void;
  readonly children: ComponentChildren;
}

function Group({ title, recorded, replayed, onAdd, onRemove, children }: GroupProps) {
  return (
    <fieldset class="settings">
      <legend>{title}</legend>
      {replayed ? (
        children
      ) : (
        <p class="setting-none">
          <span class="muted">This training had none.</span>
          <button type="button" class="button small" aria-label={`Add ${title}`} onClick={onAdd}>
            Add
          </button>
        </p>
      )}
      {replayed && !recorded && (
        <button
          type="button"
          class="button small"
          aria-label={`Remove ${title}`}
          onClick={onRemove}
        >
          Remove
        </button>
      )}
    </fieldset>
  );
}

function More({ children }: { children: ComponentChildren }) {
  return (
    <details class="folded">
      <summary>More settings</summary>
      {children}
    </details>
  );
}

export function StopSettings(props: SettingsProps) {
  const { answer, change } = props;
  const before = stopValues(answer.recorded.early_stopping);
  const { number, choice, metrics } = fieldsFor(props, stopValues(answer.early_stopping), before);
  return (
    <Group
      title="EarlyStopping"
      recorded={answer.recorded.early_stopping !== null}
      replayed={answer.early_stopping !== null}
      onAdd={() => change({ patience: STARTING_PATIENCE })}
      onRemove={() =>
        change({
          monitor: '',
          mode: '',
          patience: '',
          min_delta: '',
          baseline: '',
          start_from_epoch: '',
        })
      }
    >
      {choice('monitor', 'Monitor', metrics)}
      {number('patience', 'Patience', { slider: patienceEnd(answer.epochs) })}
      {number('min_delta', 'Min delta', { step: 'any' })}
      <More>
        {choice('mode', 'Best is', DIRECTIONS)}
        {number('baseline', 'Baseline', { step: 'any', min: Number.NEGATIVE_INFINITY })}
        {number('start_from_epoch', 'Start from epoch')}
      </More>
    </Group>
  );
}

export function CutSettings(props: SettingsProps) {
  const { answer, change } = props;
  const before = cutValues(answer.recorded.reduce_lr);
  const { number, choice, metrics } = fieldsFor(props, cutValues(answer.reduce_lr), before);
  return (
    <Group
      title="ReduceLROnPlateau"
      recorded={answer.recorded.reduce_lr !== null}
      replayed={answer.reduce_lr !== null}
      onAdd={() => change({ lr_patience: STARTING_PATIENCE })}
      onRemove={() =>
        change({
          lr_monitor: '',
          lr_mode: '',
          lr_patience: '',
          lr_min_delta: '',
          factor: '',
          cooldown: '',
          min_lr: '',
        })
      }
    >
      {choice('lr_monitor', 'Monitor', metrics)}
      {number('lr_patience', 'Patience', { slider: patienceEnd(answer.epochs) })}
      {number('factor', 'Factor', { step: FACTOR_STEP, slider: FACTOR_END })}
      <More>
        {choice('lr_mode', 'Best is', DIRECTIONS)}
        {number('lr_min_delta', 'Min delta', { step: 'any' })}
        {number('cooldown', 'Cooldown')}
        {number('min_lr', 'Min LR', { step: 'any' })}
      </More>
    </Group>
  );
}

export function KeepSettings(props: SettingsProps) {
  const { settings, metrics, change } = props;
  const { number, choice } = fieldsFor(props, { gpus: 1 }, {});
  const monitor = props.answer.early_stopping?.monitor ?? metrics[0] ?? '';
  return (
    <fieldset class="settings">
      <legend>Kept checkpoints</legend>
      {number('last', 'The newest')}
      <SettingField
        label="And the best"
        value={settings.best ?? ''}
        was={null}
        onChange={(best) => change({ best, metric: settings.metric ?? monitor })}
      />
      {choice(
        'metric',
        'By',
        metrics.map((name) => [name, name]),
      )}
      {number('gpus', 'GPUs used', { min: 1 })}
    </fieldset>
  );
}

/** A slider that reaches as far as patience can matter. */
function patienceEnd(epochs: number): number {
  return Math.min(Math.max(20, Math.ceil(epochs / 2)), 200);
}
