// @vitest-environment happy-dom
import { afterEach, describe, expect, test, vi } from 'vitest';
import { DEFAULT_LINK, LINK_PREFIX } from '../model/deep-link';
import { copyText } from './clipboard';
import { readLink, writeLink } from './link';
import { isHidden, nameDocument, watchVisibility } from './tensorboard';

afterEach(() => {
  window.location.hash = '';
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
    writeLink({ ...DEFAULT_LINK, axis: 'step' }, DEFAULT_LINK);
    expect(setString).toHaveBeenCalledExactlyOnceWith(`${LINK_PREFIX}axis`, 'step', {
      useLocationReplace: true,
      defaultValue: '',
    });
  });

  test('is written into the hash where there is no such storage', () => {
    window.location.hash = '#epochline&p.other.x=1';
    writeLink({ ...DEFAULT_LINK, zoom: [1, 2] }, DEFAULT_LINK);
    expect(window.location.hash).toBe('#epochline&p.other.x=1&p.epochline.zoom=1~2');
    expect(readLink()).toEqual({ ...DEFAULT_LINK, zoom: [1, 2] });
    writeLink(DEFAULT_LINK, { ...DEFAULT_LINK, zoom: [1, 2] });
    expect(window.location.hash).toBe('#epochline&p.other.x=1');
  });

  test('that the host refuses costs nothing else', () => {
    const setString = () => {
      throw new Error('refused');
    };
    Object.assign(window, { tensorboard: { tf_storage: { setString } } });
    expect(() => writeLink({ ...DEFAULT_LINK, axis: 'step' }, DEFAULT_LINK)).not.toThrow();
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
