/**
 * The page around us: TensorBoard's own window, which is same-origin, but not ours to rely on.
 *
 * Every touch is guarded: in a notebook or proxy the parent may be missing or foreign, and the panel
 * must then still work by itself.
 */
import type { Theme } from '../model/palette';

/** TensorBoard's window, or null when it cannot be reached. */
export function hostWindow(): Window | null {
  try {
    return window.parent.document ? window.parent : null;
  } catch {
    return null;
  }
}

/** Whether a page of another origin holds TensorBoard in a frame, so that a click might not be the user's. */
export function isFramedByStranger(): boolean {
  try {
    return window.top?.location.origin !== window.location.origin;
  } catch {
    return true;
  }
}

/** Says whose page this is, for screen readers, tabs and history. */
export function nameDocument(): void {
  document.documentElement.lang = 'en';
  document.title = 'Checkpoints – Epochline for TensorBoard';
  try {
    window.frameElement?.setAttribute('title', 'Checkpoints');
  } catch {
    // A frame of another origin cannot be named from here, and names itself.
  }
}

/** Calls back with TensorBoard's theme, now and whenever it is switched. Returns the undo. */
export function watchTheme(listener: (theme: Theme) => void): () => void {
  const body = hostWindow()?.document.body;
  const preference = window.matchMedia('(prefers-color-scheme: dark)');
  const inside = body !== undefined && window.parent !== window;
  const report = () => {
    const dark = inside ? body.classList.contains('dark-mode') : preference.matches;
    listener(dark ? 'dark' : 'light');
  };
  report();
  if (!inside) {
    preference.addEventListener('change', report);
    return () => preference.removeEventListener('change', report);
  }
  const observer = new MutationObserver(report);
  observer.observe(body, { attributes: true, attributeFilter: ['class'] });
  return () => observer.disconnect();
}

/** Whether another tab of TensorBoard is open: our frame then has no height, but counts as visible. */
export function isHidden(): boolean {
  return window.innerHeight === 0 || document.visibilityState === 'hidden';
}

/** Calls back whenever the panel is shown or hidden. Returns the undo. */
export function watchVisibility(listener: (visible: boolean) => void): () => void {
  const report = () => listener(!isHidden());
  window.addEventListener('resize', report);
  document.addEventListener('visibilitychange', report);
  return () => {
    window.removeEventListener('resize', report);
    document.removeEventListener('visibilitychange', report);
  };
}

/** Calls back when TensorBoard's own reload button or timer fires. */
export function onReload(listener: () => void): void {
  const host = hostWindow();
  if (host === null || host === window) return;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => {
    const message: { type?: string; id?: number; isReply?: boolean } = JSON.parse(String(data));
    if (message.isReply) return;
    if (message.type === 'experimental.DataReloaded') listener();
    const { type, id } = message;
    port1.postMessage(JSON.stringify({ type, id, payload: null, error: null, isReply: true }));
  };
  host.postMessage('experimental.bootstrap', '*', [port2]);
}
