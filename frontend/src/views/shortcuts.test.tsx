// @vitest-environment happy-dom
import { fireEvent, screen } from '@testing-library/preact';
import { afterEach, expect, test } from 'vitest';
import { timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { Shortcuts } from './shortcuts';

afterEach(() => localStorage.clear());

function show() {
  renderIn(
    testPanel(filledStore([timeline()])),
    <>
      <Shortcuts />
      <input id="table-filter" aria-label="Filter" />
    </>,
  );
}

const press = (key: string, target: Element = document.body) => fireEvent.keyDown(target, { key });

test('a slash leads to the filter, where it is a letter like any other', () => {
  show();
  press('/');
  expect(document.activeElement).toBe(screen.getByLabelText('Filter'));
  const taken = !press('/', screen.getByLabelText('Filter'));
  expect(taken).toBe(false);
});

test('a question mark lists the keys; they can be switched off', async () => {
  show();
  press('?');
  expect(await screen.findByRole('dialog', { name: 'Keys' })).toHaveTextContent('mark the row');
  fireEvent.click(screen.getByRole('checkbox'));
  fireEvent.click(screen.getByRole('button', { name: 'Close' }));
  press('/');
  expect(document.activeElement).not.toBe(screen.getByLabelText('Filter'));
});
