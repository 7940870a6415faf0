/**
 * Reads and writes the view in TensorBoard's link.
 *
 * TensorBoard 2.21 hands plugins an empty dictionary on page load, so the hash is read directly;
 * writing goes through its storage helper, which keeps what other tabs wrote.
 */
import {
  formatLink,
  LINK_KEYS,
  LINK_PREFIX,
  type LinkState,
  parseHash,
  parseLink,
} from '../model/deep-link';
import { hostWindow } from './tensorboard';

interface TensorBoardWindow extends Window {
  tensorboard?: {
    tf_storage?: {
      setString?: (
        key: string,
        value: string,
        options: { useLocationReplace: boolean; defaultValue: string },
      ) => void;
    };
  };
}

export function readLink(): LinkState {
  return parseLink(parseHash(hostWindow()?.location.hash ?? ''));
}

/** The address of this view in TensorBoard, also inside of a notebook, which shows none. */
export function viewAddress(): string {
  return (hostWindow() ?? window).location.href;
}

/** TensorBoard's own run filter (a regular expression) in the page's address. */
export function hostRunFilter(): string {
  const search = hostWindow()?.location.search ?? '';
  return new URLSearchParams(search).get('runFilter') ?? '';
}

function replaceHash(host: Window, key: string, value: string, step: boolean): void {
  const tokens = host.location.hash
    .replace(/^#/, '')
    .split('&')
    .filter((token) => token !== '' && !token.startsWith(`${encodeURIComponent(key)}=`));
  if (value !== '') tokens.push(`${encodeURIComponent(key)}=${encodeURIComponent(value)}`);
  const change = step ? 'pushState' : 'replaceState';
  host.history[change](host.history.state, '', `#${tokens.join('&')}`);
}

/** Browsers refuse more changes than about a hundred in ten seconds: a slider makes more. */
const PAUSE_MS = 200;

/** Keeps the link up to date: a change at once, those that follow quickly all together. */
export function linkWriter(initial: LinkState): (next: LinkState) => void {
  let written = initial;
  let wanted = initial;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    timer = undefined;
    if (wanted === written) return;
    writeLink(wanted, written);
    written = wanted;
    timer = setTimeout(write, PAUSE_MS);
  };
  return (next) => {
    wanted = next;
    if (timer === undefined) write();
  };
}

/** Writes what changed since `before`. A host that refuses costs the link, never the view. */
function writeLink(state: LinkState, before: LinkState): void {
  const host: TensorBoardWindow | null = hostWindow();
  if (host === null) return;
  const old = formatLink(before);
  const values = formatLink(state);
  for (const name of LINK_KEYS) {
    const value = values[name];
    if (value === old[name]) continue;
    const key = LINK_PREFIX + name;
    try {
      const setString = host.tensorboard?.tf_storage?.setString;
      // Opening a comparison is a step that the browser's Back takes back.
      const step = name === 'compare' && old[name] === '';
      if (setString) setString(key, value, { useLocationReplace: !step, defaultValue: '' });
      else replaceHash(host, key, value, step);
    } catch {
      return;
    }
  }
}

/** Calls back when the user edits the link or goes back. Returns the undo. */
export function watchLink(listener: (state: LinkState) => void): () => void {
  const host = hostWindow();
  if (host === null) return () => {};
  const report = () => listener(readLink());
  host.addEventListener('popstate', report);
  host.addEventListener('hashchange', report);
  return () => {
    host.removeEventListener('popstate', report);
    host.removeEventListener('hashchange', report);
  };
}
