/** The few pictures of the controls. Always beside a label or inside of a labelled button. */
const PATHS = {
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  done: 'M3 8.5l3.5 3.5L13 5',
  chevron: 'M4 6l4 4 4-4',
  search: 'M7 11.5a4.5 4.5 0 1 1 0-9 4.5 4.5 0 0 1 0 9zM10.5 10.5l3.5 3.5',
  warning: 'M8 2.5l6.5 11h-13zM8 6.5v3.5M8 11.6v.6',
  left: 'M10 4L6 8l4 4',
  right: 'M6 4l4 4-4 4',
  from: 'M4 2.5v5.5h9M9.5 4.5L13 8l-3.5 3.5',
  up: 'M8 12.5v-9M4.5 7L8 3.5 11.5 7',
  waiting: 'M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM8 5v3.2l2.2 1.4',
  down: 'M8 3.5v9M4.5 9L8 12.5 11.5 9',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  );
}
