import { describe, expect, test } from 'vitest';
import {
  DEFAULT_LINK,
  formatLink,
  LINK_PREFIX,
  type LinkState,
  parseHash,
  parseLink,
} from './deep-link';

const FULL: LinkState = {
  metric: 'loss/head=1&2',
  direction: 'max',
  axis: 'wall',
  logScale: true,
  smoothing: 0.6,
  ignoreOutliers: false,
  stitched: true,
  runs: { mode: 'show', names: new Set(['a/b', '😀 "x"', '']) },
  selection: { kind: 'checkpoint', run: 'تجربة', id: 'c0ffee' },
  zoom: [-0.5, 1e21],
  sort: { column: 'metric:val=&loss', descending: true },
  rowFilter: { text: 'epoch 3 & "more"', status: 'restorable' },
  compare: [
    { kind: 'checkpoint', run: 'a', id: '1' },
    { kind: 'checkpoint', run: 'b~', id: '2' },
  ],
  why: 'a/b',
  whatIf: { run: 'a&b=c', settings: { patience: '3', monitor: 'val=&loss', baseline: 'none' } },
  columns: ['status', 'delta:a,b'],
};

function hashOf(state: LinkState): string {
  const tokens = Object.entries(formatLink(state))
    .filter(([, value]) => value !== '')
    .map(([key, value]) => `${encodeURIComponent(LINK_PREFIX + key)}=${encodeURIComponent(value)}`);
  return `#${['epochline', ...tokens].join('&')}`;
}

describe('a link', () => {
  test.each([
    ['full', FULL],
    ['default', DEFAULT_LINK],
    ['hidden run', { ...DEFAULT_LINK, runs: { mode: 'hide', names: new Set(['a']) } } as LinkState],
    [
      'nothing shown',
      { ...DEFAULT_LINK, runs: { mode: 'show', names: new Set<string>() } } as LinkState,
    ],
    [
      'decision',
      { ...DEFAULT_LINK, selection: { kind: 'decision', run: 'a', index: 3 } } as LinkState,
    ],
  ])('gives back the %s view', (_, state) => {
    expect(parseLink(parseHash(hashOf(state)))).toEqual(state);
  });

  test('of the default view says nothing', () => {
    expect(Object.values(formatLink(DEFAULT_LINK)).join('')).toBe('');
  });

  test.each([
    '',
    '#',
    '#epochline',
    '#epochline&p.epochline.axis=%E0%A4%A&p.epochline.zoom=x',
    '#epochline&p.epochline.runs=%5B1%5D&p.epochline.select=nope&p.epochline.zoom=3~1',
    '#epochline&p.other.metric=x&=&&p.epochline.best=',
    '#scalars&p.epochline.zoom=1~2~3&p.epochline.axis=sideways',
    '#epochline&p.epochline.sort=-nothing&p.epochline.status=lost&p.epochline.columns=%5B%22x%22%5D',
    '#epochline&p.epochline.whatif=patience%3D3',
    '#epochline&p.epochline.smooth=1&p.epochline.columns=status&p.epochline.outliers=1',
  ])('that is broken (%s) is the default view', (hash) => {
    expect(parseLink(parseHash(hash))).toEqual(DEFAULT_LINK);
  });

  test('asks for known settings only', () => {
    const { whatIf } = parseLink({ whatif: 'run=a&pace=3&patience=&cooldown=2&run=b' });
    expect(whatIf).toEqual({ run: 'a', settings: { cooldown: '2' } });
  });

  test('keeps a zoom that is odd, but valid', () => {
    expect(parseLink({ zoom: '1~2' }).zoom).toEqual([1, 2]);
  });
});
