/** A shape of the charts as an inline picture, for the table and the legend. */
import { GLYPHS, type Shape } from '../layout/glyphs';
import { memo } from '../model/memo';
import type { Theme } from '../model/palette';
import { TOKENS } from '../model/tokens';
import { useStore } from '../state/context';

interface Props {
  readonly shape: Shape;
  /** That of the run; grey where it is not given. */
  readonly color?: string;
}

/**
 * The picture as an image, which all that look the same share.
 *
 * An `<svg>` in each row of the table would be a clip and a transform of its own for the compositor.
 */
const urlOf = memo((key: string): string => {
  const [shape, color, theme] = key.split(' ') as [Shape, string, Theme];
  const { path, filled } = GLYPHS[shape];
  const { fg, bad, muted } = TOKENS[theme];
  const paint = shape === 'cross' ? bad : color || muted;
  const style = filled
    ? `fill="${paint}" stroke="${fg}"`
    : `fill="none" stroke="${paint}" stroke-width="2"`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="-9 -9 18 18"><path d="${path}" ${style} stroke-linejoin="round"/></svg>`;
  return `url("data:image/svg+xml,${encodeURIComponent(svg)}")`;
});

export function GlyphIcon({ shape, color = '' }: Props) {
  const { theme } = useStore();
  const image = urlOf(`${shape} ${color} ${theme.value}`);
  return <span class="glyph" style={{ backgroundImage: image }} />;
}
