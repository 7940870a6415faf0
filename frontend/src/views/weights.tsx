/** The weights of one checkpoint, layer by layer, as they were recorded when it was saved. */
import { useState } from 'preact/hooks';
import { formatPercent, formatShort, plural } from '../model/format';
import { type WeightLayer, type WeightRow, weightLayers } from '../model/spread';
import { usePanel } from '../state/context';
import { FailureText } from './failure-text';
import { Icon } from './icon';
import { SpreadStrip } from './spread-strip';
import { useRequest } from './use-request';

/** More are shown on request. */
const SHOWN = 12;

export function Weights({ run, id }: { run: string; id: string }) {
  const { api } = usePanel();
  const answer = useRequest(() => api.weights(run, id), `${run} ${id}`);
  return (
    <section class="layers" aria-label="Weights">
      <h3>Weights</h3>
      {answer.state === 'waiting' && <p class="muted">Reading the statistics…</p>}
      {answer.state === 'failed' && <FailureText failure={answer.failure} />}
      {answer.state === 'done' && <Layers layers={weightLayers(answer.value)} />}
    </section>
  );
}

function Layers({ layers }: { layers: readonly WeightLayer[] }) {
  const [all, setAll] = useState(false);
  const shown = all ? layers : layers.slice(0, SHOWN);
  return (
    <>
      <p class="muted">
        Recorded when it was saved. Line: smallest to largest value; box: mean ± standard deviation;
        dashed: zero.
      </p>
      <ul>
        {shown.map((layer) => (
          <li key={layer.name}>
            <Layer layer={layer} />
          </li>
        ))}
      </ul>
      {shown.length < layers.length && (
        <button type="button" class="button small" onClick={() => setAll(true)}>
          Show all {plural(layers.length, 'layer')}
        </button>
      )}
    </>
  );
}

function Layer({ layer }: { layer: WeightLayer }) {
  const [only, ...others] = layer.variables;
  if (only !== undefined && others.length === 0) {
    return <Values row={layer} size={only.shape} optimizer={layer.optimizer} />;
  }
  return (
    <details class="layer">
      <summary>
        <Icon name="chevron" />
        <Values
          row={layer}
          size={plural(layer.variables.length, 'variable')}
          optimizer={layer.optimizer}
        />
      </summary>
      <ul>
        {layer.variables.map((row) => (
          <li key={row.name}>
            <Values row={{ ...row, name: nameIn(layer, row) }} size={row.shape} />
          </li>
        ))}
      </ul>
    </details>
  );
}

/** The name of a variable without that of its layer, which stands above. */
function nameIn(layer: WeightLayer, { name }: WeightRow): string {
  return name.startsWith(`${layer.name}/`) ? name.slice(layer.name.length + 1) : name;
}

interface ValuesProps {
  readonly row: Omit<WeightRow, 'shape'>;
  readonly size: string;
  readonly optimizer?: boolean;
}

function Values({ row, size, optimizer = false }: ValuesProps) {
  const { spread } = row;
  return (
    <span class="values">
      <span class="values-head">
        <bdi>{row.name}</bdi>
        {optimizer && <span class="chip">optimizer</span>}
        <span class="muted">{size}</span>
      </span>
      {spread !== null && (
        <span class="values-strip">
          <span>{formatShort(spread.min)}</span>
          <SpreadStrip spread={spread} from={spread.min} to={spread.max} />
          <span>{formatShort(spread.max)}</span>
        </span>
      )}
      <Remarks row={row} />
    </span>
  );
}

/** What the strip cannot show: values that are no numbers, and how many are zero. */
function Remarks({ row: { spread, nan, inf, zeros, values } }: Pick<ValuesProps, 'row'>) {
  const bad = [nan > 0 ? `${plural(nan, 'NaN', 'NaN')}` : '', inf > 0 ? `${inf} infinite` : ''];
  const told = bad.filter((text) => text !== '');
  return (
    <span class="values-remarks">
      {told.length > 0 && (
        <strong class="bad">
          <Icon name="warning" /> {told.join(', ')}
        </strong>
      )}
      {spread === null ? (
        <span class="muted">{told.length > 0 ? 'no finite value' : 'no numbers recorded'}</span>
      ) : (
        <span class="muted">
          mean {formatShort(spread.mean)} ± {formatShort(spread.std)}
          {zeros === values
            ? ' · all zero'
            : zeros > 0 && ` · ${formatPercent(zeros / values)} zero`}
        </span>
      )}
    </span>
  );
}
