// @vitest-environment happy-dom
import { fireEvent, screen } from '@testing-library/preact';
import { describe, expect, test, vi } from 'vitest';
import { type Api, ApiError } from '../api/client';
import { fakeApi, timeline } from '../testing/builders';
import { renderIn, testPanel } from '../testing/panel';
import { filledStore } from '../testing/store';
import { AverageDialog } from './average-dialog';

const REFUSED = { allowed: false, reason: 'It listens on all interfaces.', hint: 'Restart it.' };

function show(part: Partial<Api> = {}, allowed = true) {
  const permission = allowed ? { allowed, reason: null, hint: null } : REFUSED;
  const store = filledStore([timeline()], {
    actions: { restore: permission, change: permission, live: { ...permission, token: false } },
  });
  store.marked.value = new Set(store.allRows.value.map(({ key }) => key));
  const average = vi.fn(fakeApi([]).average);
  renderIn(
    testPanel(store, fakeApi([], { average, ...part })),
    <AverageDialog onClose={vi.fn()} />,
  );
  return { average };
}

const button = () => screen.findByRole('button', { name: 'Average' });

describe('averaging', () => {
  test('says what it makes before it makes it, and where it is', async () => {
    const { average } = show();
    expect(await screen.findByText(/is written to restored/)).toBeInTheDocument();
    expect(average).not.toHaveBeenCalled();
    fireEvent.click(await button());
    expect(await screen.findByText('/logs/pima/restored/mean.weights.h5')).toBeInTheDocument();
    expect(average).toHaveBeenCalledExactlyOnceWith('pima', ['a', 'b', 'c']);
  });

  test('without permission says why, shows the command and does nothing', async () => {
    const { average } = show({}, false);
    expect(await screen.findByText('epochline average')).toBeInTheDocument();
    fireEvent.click(await button());
    expect(await button()).toHaveAccessibleDescription(/It listens on all interfaces/);
    expect(average).not.toHaveBeenCalled();
  });

  test('a refusal is told with what to do', async () => {
    const refusal = new ApiError('conflict', 'No mean was written.', 'Choose others.');
    show({ average: () => Promise.reject(refusal) });
    await screen.findByText(/is written to restored/);
    fireEvent.click(await button());
    expect(await screen.findByText(/Choose others/)).toBeInTheDocument();
  });
});
