/** The entry that TensorBoard imports: `render()` draws the panel into the plugin's page. */
import { effect } from '@preact/signals';
import { render as renderInto } from 'preact';
import { httpApi } from './api/client';
import { hostRunFilter, linkWriter, readLink, watchLink } from './host/link';
import {
  isFramedByStranger,
  isHidden,
  nameDocument,
  onReload,
  watchTheme,
  watchVisibility,
} from './host/tensorboard';
import { keepToken, keptToken } from './host/token';
import { tokenSheet } from './model/tokens';
import { startPolling } from './state/poll';
import { createStore } from './state/store';
import css from './styles/index.css?inline';
import { App } from './views/app';
import { ErrorBoundary } from './views/error-boundary';

function adoptStyles(): void {
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(tokenSheet() + css);
  document.adoptedStyleSheets = [sheet];
}

export function render(): void {
  adoptStyles();
  const link = readLink();
  const store = createStore(link, isFramedByStranger());
  watchTheme((theme) => {
    document.documentElement.dataset.theme = theme;
    store.theme.value = theme;
  });
  nameDocument();
  store.railSearch.value = hostRunFilter();
  store.liveToken.value = keptToken();
  effect(() => keepToken(store.liveToken.value));

  const api = httpApi();
  const poller = startPolling(store, api, !isHidden());
  watchVisibility(poller.setVisible);
  onReload(poller.poke);
  watchLink(store.follow);

  const writeLink = linkWriter(link);
  let { runs } = link;
  effect(() => {
    const next = store.link.value;
    if (next.runs !== runs) poller.poke();
    runs = next.runs;
    writeLink(next);
  });

  const panel = { store, api, refresh: poller.poke };
  renderInto(
    <ErrorBoundary>
      <App panel={panel} />
    </ErrorBoundary>,
    document.body,
  );
}
