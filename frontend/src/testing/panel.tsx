/** Draws the whole panel, or a part of it, in a page without a layout. */
import '@testing-library/jest-dom/vitest';
import { cleanup, render } from '@testing-library/preact';
import type { ComponentChildren } from 'preact';
import { afterEach, vi } from 'vitest';
import type { Api } from '../api/client';
import { type Panel, PanelContext } from '../state/context';
import type { Store } from '../state/store';
import { fakeApi } from './builders';

afterEach(cleanup);

export function testPanel(store: Store, api: Api = fakeApi([])): Panel {
  return { store, api, refresh: vi.fn() };
}

export function renderIn(panel: Panel, view: ComponentChildren) {
  return render(<PanelContext.Provider value={panel}>{view}</PanelContext.Provider>);
}
