/** How values are spread: a line from the smallest to the largest, a box for mean ± standard deviation. */
import { formatShort } from '../model/format';
import type { Spread } from '../model/spread';

interface Props {
  readonly spread: Spread;
  /** The ends of the strip; where several strips share a scale these are not the spread's own. */
  readonly from: number;
  readonly to: number;
}

export function SpreadStrip({ spread, from, to }: Props) {
  const { min, max, mean, std } = spread;
  const x = (value: number) =>
    to > from ? 100 * Math.min(1, Math.max(0, (value - from) / (to - from))) : 50;
  const [left, right] = [x(mean - std), x(mean + std)];
  const text = `from ${formatShort(min)} to ${formatShort(max)}, mean ${formatShort(mean)} ± ${formatShort(std)}`;
  return (
    <svg class="strip" viewBox="0 0 100 12" preserveAspectRatio="none" role="img" aria-label={text}>
      <title>{text}</title>
      {from < 0 && to > 0 && <path class="strip-zero" d={`M${x(0)} 0V12`} />}
      <path class="strip-range" d={`M${x(min)} 3V9M${x(min)} 6H${x(max)}M${x(max)} 3V9`} />
      <rect class="strip-box" x={left} y={2.5} width={Math.max(0.6, right - left)} height={7} />
      <path class="strip-mean" d={`M${x(mean)} 1.5V10.5`} />
    </svg>
  );
}
