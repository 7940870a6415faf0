/** A shape of the charts as an inline picture, for the table and the legend. */
import { GLYPHS, type Shape } from '../layout/glyphs';

export function GlyphIcon({ shape, color }: { shape: Shape; color?: string }) {
  const { path, filled } = GLYPHS[shape];
  const paint = shape === 'cross' ? 'var(--bad)' : (color ?? 'var(--muted)');
  return (
    <svg class="glyph" viewBox="-9 -9 18 18" aria-hidden="true">
      <path
        d={path}
        fill={filled ? paint : 'none'}
        stroke={filled ? 'var(--fg)' : paint}
        stroke-width={filled ? 1 : 2}
        stroke-linejoin="round"
      />
    </svg>
  );
}
