// @vitest-environment happy-dom
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DEFAULT_LINK, LINK_PREFIX } from '../model/deep-link';
import { copyText } from './clipboard';
import { linkWriter, readLink } from './link';
import { isHidden, nameDocument, watchVisibility } from './tensorboard';

afterEach(() => {
  window.location.hash = '';
  vi.useRealTimers();
  Reflect.deleteProperty(window, 'tensorboard');
});

describe('visibility', () => {
  test('a frame without height is hidden, whatever the browser says', () => {
    const seen = vi.fn();
    const stop = watchVisibility(seen);
    vi.spyOn(window, 'innerHeight', 'get').mockReturnValue(0);
    expect(isHidden()).toBe(true);
    window.dispatchEvent(new Event('resize'));
    expect(seen).toHaveBeenLastCalledWith(false);
    stop();
    window.dispatchEvent(new Event('resize'));
    expect(seen).toHaveBeenCalledOnce();
  });
});

test('the page says its language and title', () => {
  nameDocument();
  expect(document.documentElement.lang).toBe('en');
  expect(document.title).toContain('Checkpoints');
});

describe('the link', () => {
  test('is written through TensorBoard’s own storage, only where it changed', () => {
    const setString = vi.fn();
    Object.assign(window, { tensorboard: { tf_storage: { setString } } });
    linkWriter(DEFAULT_LINK)({ ...DEFAULT_LINK, axis: 'step' });
    expect(setString).toHaveBeenCalledExactlyOnceWith(`${LINK_PREFIX}axis`, 'step', {
      useLocationReplace: true,
      defaultValue: '',
    });
  });

  test('is written into the hash where there is no such storage', () => {
    window.location.hash = '#epochline&p.other.x=1';
    linkWriter(DEFAULT_LINK)({ ...DEFAULT_LINK, zoom: [1, 2] });
    expect(window.location.hash).toBe('#epochline&p.other.x=1&p.epochline.zoom=1~2');
    expect(readLink()).toEqual({ ...DEFAULT_LINK, zoom: [1, 2] });
    linkWriter({ ...DEFAULT_LINK, zoom: [1, 2] })(DEFAULT_LINK);
    expect(window.location.hash).toBe('#epochline&p.other.x=1');
  });

  test('is written at once, and what follows quickly all together', () => {
    vi.useFakeTimers();
    const setString = vi.fn();
    Object.assign(window, { tensorboard: { tf_storage: { setString } } });
    const write = linkWriter(DEFAULT_LINK);
    const smoothed = (smoothing: number) => write({ ...DEFAULT_LINK, smoothing });
    const written = () => setString.mock.calls.map(([, value]) => value);
    smoothed(0.1);
    expect(written()).toEqual(['0.1']);
    for (const weight of [0.2, 0.3, 0.4]) smoothed(weight);
    vi.advanceTimersByTime(1_000);
    expect(written()).toEqual(['0.1', '0.4']);
    smoothed(0.4);
    vi.advanceTimersByTime(1_000);
    expect(written()).toHaveLength(2);
  });

  test('that the host refuses costs nothing else', () => {
    const setString = () => {
      throw new Error('refused');
    };
    Object.assign(window, { tensorboard: { tf_storage: { setString } } });
    expect(() => linkWriter(DEFAULT_LINK)({ ...DEFAULT_LINK, axis: 'step' })).not.toThrow();
  });
});

describe('copying', () => {
  test('uses the clipboard', async () => {
    const writeText = vi.fn(async () => {});
    vi.stubGlobal('navigator', { clipboard: { writeText } });
    expect(await copyText('x')).toBe(true);
    expect(writeText).toHaveBeenCalledWith('x');
    vi.unstubAllGlobals();
  });

  test('falls back to a selection where the clipboard is forbidden, and leaves no trace', async () => {
    vi.stubGlobal('navigator', {});
    const execCommand = vi.fn(() => true);
    Object.assign(document, { execCommand });
    expect(await copyText('x')).toBe(true);
    expect(execCommand).toHaveBeenCalledWith('copy');
    expect(document.querySelector('textarea')).toBeNull();
    vi.unstubAllGlobals();
  });
});
