/** Explains the shapes and lines that are in view, and no others. */
import { useComputed } from '@preact/signals';
import { CROWD } from '../layout/curves';
import { checkpointShape, decisionShape, GLYPHS, SHAPES, type Shape } from '../layout/glyphs';
import { monitorBest } from '../model/best';
import { useStore } from '../state/context';
import { GlyphIcon } from './glyph';

export function Legend() {
  const { shownRuns, choice, assumed } = useStore();
  const shapes = useComputed(() => {
    const seen = new Set<Shape>();
    for (const { model, best } of shownRuns.value) {
      const own = monitorBest(model);
      for (const row of model.checkpoints) {
        seen.add(checkpointShape(row.status, row === best, row === own));
      }
      for (const decision of model.decisions) {
        const shape = decisionShape(decision);
        if (shape !== null) seen.add(shape);
      }
    }
    for (const { shape } of [
      ...(assumed.value?.metricMarks ?? []),
      ...(assumed.value?.rateMarks ?? []),
    ]) {
      seen.add(shape);
    }
    return SHAPES.filter((shape) => seen.has(shape));
  }).value;
  const folded = choice.value?.train != null && choice.value.validation !== null;
  return (
    <ul class="legend" aria-label="Legend">
      {folded && (
        <>
          <li>
            <span class="line-sample" /> validation
          </li>
          <li>
            <span class="line-sample dashed" />{' '}
            {shownRuns.value.length > CROWD ? 'train, of the run pointed at' : 'train'}
          </li>
        </>
      )}
      {shapes.map((shape) => (
        <li key={shape}>
          <GlyphIcon shape={shape} /> {GLYPHS[shape].label}
        </li>
      ))}
    </ul>
  );
}
