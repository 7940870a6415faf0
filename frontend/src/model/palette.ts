/**
 * TensorBoard's own run colours, so that a run looks the same here and in Time Series.
 *
 * Source: TensorBoard `webapp/util/colors.ts`, DEFAULT_PALETTE; only the first differs in dark mode.
 */
export type Theme = 'light' | 'dark';

const LIGHT = ['#425066', '#12b5cb', '#e52592', '#f9ab00', '#9334e6', '#7cb342', '#e8710a'];
const DARK = ['#8e98a3', ...LIGHT.slice(1)];

export function runColor(colorIndex: number, theme: Theme): string {
  const palette = theme === 'dark' ? DARK : LIGHT;
  return palette[colorIndex % palette.length] ?? '#425066';
}
