// @vitest-environment happy-dom
import { expect, test } from 'vitest';
import { DEFAULT_LINK } from '../model/deep-link';
import { createStore } from '../state/store';
import { renderIn, testPanel } from '../testing/panel';
import { Sentence } from './sentence';

test.each([
  ['lr 1e-3 → 5e-4: no gain', ['1e-3', '5e-4:']],
  ['(1.25e-05), epoch-0001-01.weights.h5', ['(1.25e-05),']],
  ['nothing of that kind', []],
])('numbers with an exponent stay whole in %s', (text, whole) => {
  const { container } = renderIn(testPanel(createStore(DEFAULT_LINK)), <Sentence text={text} />);
  expect(container).toHaveTextContent(text);
  expect([...container.querySelectorAll('.whole')].map((one) => one.textContent)).toEqual(whole);
});
