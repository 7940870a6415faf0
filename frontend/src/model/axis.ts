/** The four x axes. Epochs are shown counted from one, as Keras prints them. */

export const AXES = ['epoch', 'step', 'relative', 'wall'] as const;
export type Axis = (typeof AXES)[number];

export const AXIS_LABEL: Record<Axis, string> = {
  epoch: 'Epoch',
  step: 'Step',
  relative: 'Relative',
  wall: 'Time',
};

/** Where something happened, on every axis at once. */
export interface Position {
  readonly session: number;
  readonly epoch: number;
  readonly step: number;
  readonly wallTime: number;
}
