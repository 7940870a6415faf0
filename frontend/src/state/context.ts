/** How views reach the store, the server and the poller. */
import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { Api } from '../api/client';
import type { Store } from './store';

export interface Panel {
  readonly store: Store;
  readonly api: Api;
  /** Ask the server now. */
  readonly refresh: () => void;
}

export const PanelContext = createContext<Panel | null>(null);

export function usePanel(): Panel {
  const panel = useContext(PanelContext);
  if (panel === null) throw new Error('A view was rendered outside of PanelContext.');
  return panel;
}

export function useStore(): Store {
  return usePanel().store;
}
