/**
 * The colours of both themes: the one source for the style sheet and for the canvases.
 *
 * Invariant (tested): text tokens have a contrast of at least 4.5 on every surface they are used on,
 * and edges that carry meaning at least 3.
 */
import type { Theme } from './palette';

export interface Tokens {
  /** The page. */
  bg: string;
  /** Bars, rails and headers. */
  surface: string;
  /** Wells: code, inputs on a surface. */
  sunken: string;
  hover: string;
  selected: string;
  fg: string;
  muted: string;
  /** Decorative hairlines. */
  line: string;
  /** Edges of controls. */
  edge: string;
  accent: string;
  'on-accent': string;
  good: string;
  warn: string;
  bad: string;
  'warn-bg': string;
  'bad-bg': string;
  grid: string;
}

export const TOKENS: Record<Theme, Tokens> = {
  light: {
    bg: '#ffffff',
    surface: '#f6f7f9',
    sunken: '#eef0f3',
    hover: '#eef1f5',
    selected: '#e3edfc',
    fg: '#1d2129',
    muted: '#565e6b',
    line: '#e0e3e8',
    edge: '#858d99',
    accent: '#0b57d0',
    'on-accent': '#ffffff',
    good: '#146c2e',
    warn: '#7a4b00',
    bad: '#b3261e',
    'warn-bg': '#fff6e0',
    'bad-bg': '#fdecea',
    grid: '#e9ebef',
  },
  dark: {
    bg: '#303030',
    surface: '#383838',
    sunken: '#272727',
    hover: '#3f4042',
    selected: '#3a4658',
    fg: '#f2f2f2',
    muted: '#bdc1c7',
    line: '#4a4b4d',
    edge: '#969aa0',
    accent: '#a8c7fa',
    'on-accent': '#0a2a5c',
    good: '#8fd8a0',
    warn: '#fcd27a',
    bad: '#ffb4ab',
    'warn-bg': '#453a22',
    'bad-bg': '#4d2f2d',
    grid: '#434446',
  },
};

/** The tokens as CSS custom properties, switched by `data-theme` on the root element. */
export function tokenSheet(): string {
  return Object.entries(TOKENS)
    .map(([theme, tokens]) => {
      const body = Object.entries(tokens).map(([name, value]) => `--${name}:${value}`);
      return `:root[data-theme=${theme}]{color-scheme:${theme};${body.join(';')}}`;
    })
    .join('');
}
