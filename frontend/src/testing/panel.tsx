/** Draws the whole panel, or a part of it, in a page without a layout. */
import '@testing-library/jest-dom/vitest';
import { cleanup, configure, render } from '@testing-library/preact';
import type { ComponentChildren } from 'preact';
import { afterEach, vi } from 'vitest';
import type { Api } from '../api/client';
import { type Panel, PanelContext } from '../state/context';
import type { Store } from '../state/store';
import { fakeApi } from './builders';

// A part that is loaded when it is needed may take a busy machine long.
configure({ asyncUtilTimeout: 10_000 });
afterEach(cleanup);

export function testPanel(store: Store, api: Api = fakeApi([])): Panel {
  return { store, api, refresh: vi.fn() };
}

export function renderIn(panel: Panel, view: ComponentChildren) {
  return render(<PanelContext.Provider value={panel}>{view}</PanelContext.Provider>);
}
