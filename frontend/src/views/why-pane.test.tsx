// @vitest-environment happy-dom
import { fireEvent, screen } from '@testing-library/preact';
import { expect, test } from 'vitest';
import { ApiError } from '../api/client';
import { fakeApi, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { WhyPane } from './why-pane';

test('a line selects and points at what it is about', async () => {
  const store = filledStore([timeline()]);
  store.change({ why: 'pima' });
  renderIn(testPanel(store), <WhyPane run="pima" />);
  const line = await screen.findByRole('button', { name: /best so far/ });
  expect(screen.getByText('training from epoch 1 to 10.')).toBeInTheDocument();
  fireEvent.pointerEnter(line);
  expect(store.hover.value).toMatchObject({ id: 'b' });
  fireEvent.click(line);
  expect(store.link.value.selection).toMatchObject({ kind: 'checkpoint', id: 'b' });
  fireEvent.click(await screen.findByRole('button', { name: 'Details' }));
  expect(store.link.value.why).toBeNull();
});

test('a run that cannot be told of says so', async () => {
  const error = new ApiError('not_found', 'There is no run.', 'Reload.');
  const api = fakeApi([], { why: async () => Promise.reject(error) });
  renderIn(testPanel(filledStore([timeline()]), api), <WhyPane run="pima" />);
  expect(await screen.findByText(/There is no run/)).toBeInTheDocument();
});
