// @vitest-environment happy-dom
import { fireEvent, screen, within } from '@testing-library/preact';
import { beforeEach, describe, expect, test } from 'vitest';
import type { Store } from '../state/store';
import { checkpoints, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { CheckpointTable } from './table';

const COUNT = 40;
const MANY = timeline({
  checkpoints: checkpoints(
    Array.from({ length: COUNT }, (_, epoch) => ({
      id: `c${epoch}`,
      epoch,
      status: epoch === 3 ? ('failed' as const) : ('saved' as const),
      metrics: { val_loss: (epoch * 7) % COUNT },
    })),
  ),
});
let store: Store;

beforeEach(() => {
  store = filledStore([MANY]);
  renderIn(testPanel(store), <CheckpointTable height={300} />);
});

const grid = () => screen.getByRole('grid');
const press = (key: string) => fireEvent.keyDown(grid(), { key });
const activeText = () => {
  const id = grid().getAttribute('aria-activedescendant') ?? '';
  return document.getElementById(id)?.parentElement?.textContent ?? '';
};

describe('the table', () => {
  test('tells how many rows there are, though only some exist', () => {
    expect(grid()).toHaveAttribute('aria-rowcount', String(COUNT + 1));
    expect(within(grid()).getAllByRole('row').length).toBeLessThan(COUNT);
  });

  test('labels epochs as Keras prints them, newest first', () => {
    expect(activeText()).toContain('40');
  });

  test.each([
    ['ArrowDown', '39'],
    ['End', '1'],
    ['PageDown', '30'],
  ])('%s moves the active row', (key, epoch) => {
    press(key);
    expect(store.hover.value).toMatchObject({ id: `c${Number(epoch) - 1}` });
  });

  test('Home comes back, and up from the first row leads to the headings', () => {
    press('End');
    press('Home');
    expect(store.hover.value).toMatchObject({ id: `c${COUNT - 1}` });
    press('ArrowUp');
    expect(grid()).toHaveAttribute('aria-activedescendant', 'head-1');
  });

  test('Enter on a row selects it', () => {
    press('ArrowDown');
    press('Enter');
    expect(store.selectedCheckpoint.value?.id).toBe('c38');
    expect(within(grid()).getByRole('row', { selected: true })).toHaveTextContent('39');
  });

  test('Enter on a heading sorts, and again the other way', () => {
    press('ArrowUp');
    press('ArrowRight');
    press('Enter');
    expect(store.link.value.sort).toEqual({ column: 'epoch', descending: true });
    press('Enter');
    expect(store.link.value.sort).toEqual({ column: 'epoch', descending: false });
    expect(screen.getByRole('columnheader', { name: /Epoch/ })).toHaveAttribute(
      'aria-sort',
      'ascending',
    );
  });

  test('a click selects, pointing highlights', () => {
    const row = within(grid()).getAllByRole('row')[3];
    if (row === undefined) throw new Error('no row');
    fireEvent.pointerOver(row);
    expect(store.hover.value).toMatchObject({ id: 'c37' });
    fireEvent.click(row);
    expect(store.selectedCheckpoint.value?.id).toBe('c37');
  });

  test('filters by text and status, and says so when nothing is left', () => {
    fireEvent.input(screen.getByLabelText('Filter checkpoints'), { target: { value: 'epoch 4' } });
    expect(screen.getByRole('status')).toHaveTextContent('1 of 40 checkpoints');
    fireEvent.change(screen.getByLabelText('Status'), { target: { value: 'missing' } });
    expect(screen.getByText('No checkpoint matches.')).toBeInTheDocument();
    fireEvent.click(screen.getByRole('button', { name: 'Clear filters' }));
    expect(grid()).toHaveAttribute('aria-rowcount', String(COUNT + 1));
  });
});
