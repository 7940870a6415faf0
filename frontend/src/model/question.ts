/** What is asked of other settings: a run, and those of them that are not as they were. Pure. */
export const SETTINGS = [
  'monitor',
  'mode',
  'patience',
  'min_delta',
  'baseline',
  'start_from_epoch',
  'lr_monitor',
  'lr_mode',
  'lr_patience',
  'lr_min_delta',
  'factor',
  'cooldown',
  'min_lr',
  'last',
  'best',
  'metric',
  'gpus',
] as const;
export type Setting = (typeof SETTINGS)[number];
export type Settings = { readonly [K in Setting]?: string };

export interface Question {
  readonly run: string;
  readonly settings: Settings;
}

export function formatQuestion({ run, settings }: Question): string {
  return new URLSearchParams({ run, ...settings }).toString();
}

export function parseQuestion(text: string): Question | null {
  const values = new URLSearchParams(text);
  const run = values.get('run');
  if (run === null) return null;
  const given = SETTINGS.flatMap((name) => {
    const value = values.get(name);
    return value ? [[name, value] as const] : [];
  });
  return { run, settings: Object.fromEntries(given) };
}
