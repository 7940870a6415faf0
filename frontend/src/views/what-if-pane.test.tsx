// @vitest-environment happy-dom
import { fireEvent, screen, waitFor } from '@testing-library/preact';
import { expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import { fakeApi, timeline, whatIfAnswer } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { WhatIfPane } from './what-if-pane';

function open(whatIf: Api['whatIf'], settings = {}) {
  const store = filledStore([timeline()]);
  store.change({ whatIf: { run: 'pima', settings } });
  const asked = vi.fn(whatIf);
  const panel = testPanel(store, fakeApi([], { whatIf: asked }));
  function View() {
    const question = store.link.value.whatIf;
    return question && <WhatIfPane question={question} />;
  }
  return { store, asked, ...renderIn(panel, <View />) };
}

test('what would have happened is told, and put on the charts while the pane is open', async () => {
  const { store, unmount } = open(async () => whatIfAnswer());
  expect(await screen.findByText(/would have stopped after epoch 1/)).toBeInTheDocument();
  expect(screen.getByRole('status')).toHaveTextContent('That saves 1 epoch of 2.');
  await waitFor(() => expect(store.assumed.value?.metricMarks).toHaveLength(1));
  unmount();
  await waitFor(() => expect(store.assumed.value).toBeNull());
});

test('a setting that is changed is in the link, and asked for once', async () => {
  const { store, asked } = open(async () => whatIfAnswer());
  const field = await screen.findByLabelText('Patience');
  expect(field).toHaveValue(3);
  for (const value of ['4', '5', '6']) fireEvent.input(field, { target: { value } });
  expect(store.link.value.whatIf).toEqual({ run: 'pima', settings: { patience: '6' } });
  await waitFor(() => expect(asked).toHaveBeenCalledTimes(2));
  expect(asked).toHaveBeenLastCalledWith({ run: 'pima', settings: { patience: '6' } });
  expect(screen.getByText('was 3')).toBeInTheDocument();
  fireEvent.click(screen.getByRole('button', { name: 'As it was' }));
  expect(store.link.value.whatIf?.settings).toEqual({});
});

test('a field that is emptied stays empty until it is left', async () => {
  const { store } = open(async () => whatIfAnswer());
  const field = await screen.findByLabelText('Patience');
  fireEvent.input(field, { target: { value: '' } });
  expect(store.link.value.whatIf?.settings).toEqual({});
  expect(field).toHaveValue(null);
  fireEvent.blur(field);
  await waitFor(() => expect(field).toHaveValue(3));
});

test('the slider and the number are one setting', async () => {
  const { store } = open(async () => whatIfAnswer());
  const slider = await screen.findByLabelText('Patience, slider');
  fireEvent.input(slider, { target: { value: '7' } });
  expect(store.link.value.whatIf?.settings).toEqual({ patience: '7' });
  await waitFor(() => expect(screen.getByLabelText('Patience')).toHaveValue(7));
});

test('a callback that the training did not have can be added and removed', async () => {
  const rule = { monitor: 'loss', mode: 'min', min_delta: 1e-4, patience: 10 } as const;
  const reduce_lr = { ...rule, factor: 0.1, cooldown: 0, min_lr: 0 };
  const { store } = open(async ({ settings }) =>
    whatIfAnswer(settings.lr_patience ? { reduce_lr } : {}),
  );
  fireEvent.click(await screen.findByRole('button', { name: 'Add ReduceLROnPlateau' }));
  expect(store.link.value.whatIf?.settings).toEqual({ lr_patience: '10' });
  fireEvent.click(await screen.findByRole('button', { name: 'Remove ReduceLROnPlateau' }));
  expect(store.link.value.whatIf?.settings).toEqual({});
});

test('a setting that cannot be is told, and the fields stay', async () => {
  const refused = new ApiError('bad_request', 'patience is -1.', 'Change that setting.');
  const { store } = open(async ({ settings }) => {
    if (settings.patience === '-1') throw refused;
    return whatIfAnswer();
  });
  const field = await screen.findByLabelText('Patience');
  fireEvent.input(field, { target: { value: '-1' } });
  expect(await screen.findByRole('alert')).toHaveTextContent('patience is -1.');
  expect(screen.getByLabelText('Patience')).toBeInTheDocument();
  await waitFor(() => expect(store.assumed.value).toBeNull());
});
