import { afterEach, describe, expect, test, vi } from 'vitest';
import { checkpointDetail, runsAnswer, timeline } from '../testing/builders';
import { ApiError, httpApi, Unreachable } from './client';

function answer(body: unknown, status = 200, headers: Record<string, string> = {}) {
  const nothing = status === 304;
  return new Response(nothing ? null : JSON.stringify(body), { status, headers });
}

function server(...answers: (Response | Error)[]) {
  const calls = vi.fn(async (_url: string, _init: RequestInit) => {
    const next = answers.shift();
    if (next === undefined || next instanceof Error) throw next ?? new Error('no more answers');
    return next;
  });
  vi.stubGlobal('fetch', calls);
  return calls;
}

afterEach(() => void vi.unstubAllGlobals());

describe('requests', () => {
  test('are relative, so that they stay behind any prefix', async () => {
    const calls = server(answer(timeline({ run: 'a b/ü' })));
    await httpApi().timeline('a b/ü');
    expect(calls.mock.calls[0]?.[0]).toBe('./timeline?run=a+b%2F%C3%BC');
  });

  test('ask for several runs at once, as far as the address may be long', async () => {
    const names = (count: number, length: number) =>
      Array.from({ length: count }, (_, i) => `${i}${'ü'.repeat(length)}`);
    for (const [runs, requests] of [
      [names(20, 1), 2],
      [names(20, 150), 4],
    ] as const) {
      const none = { timelines: [], failures: [], pending: [] };
      const calls = server(...Array.from({ length: requests }, () => answer(none)));
      const take = vi.fn();
      await httpApi().timelines(runs, take);
      expect(take).toHaveBeenCalledTimes(requests);
      const urls = calls.mock.calls.map(([url]) => url);
      expect(Math.max(...urls.map((url) => url.length))).toBeLessThan(6_000);
      const asked = urls.flatMap((url) => new URLSearchParams(url.split('?')[1]).getAll('run'));
      expect(asked.sort()).toEqual([...runs].sort());
    }
  });

  test('go on for the runs that a slow server did not get to', async () => {
    const part = (run: string, pending: string[]) =>
      answer({ timelines: [timeline({ run })], failures: [], pending });
    const calls = server(part('a', ['b', 'c']), part('b', ['c']), part('c', []));
    const taken: string[] = [];
    await httpApi().timelines(['a', 'b', 'c'], ({ timelines }) => {
      taken.push(...timelines.map(({ run }) => run));
    });
    expect(taken).toEqual(['a', 'b', 'c']);
    expect(calls.mock.calls.map(([url]) => url.split('?')[1])).toEqual([
      'run=a&run=b&run=c',
      'run=b&run=c',
      'run=c',
    ]);
  });

  test('for no run at all are not made', async () => {
    const calls = server();
    await httpApi().timelines([], () => {});
    expect(calls).not.toHaveBeenCalled();
  });

  test('a list of runs that did not change is the same object', async () => {
    const runs = runsAnswer([timeline()]);
    const calls = server(answer(runs, 200, { ETag: '"1"' }), answer(null, 304), answer(runs));
    const api = httpApi();
    const first = await api.runs();
    expect(await api.runs()).toBe(first);
    expect(calls.mock.calls[1]?.[1].headers).toEqual({ 'If-None-Match': '"1"' });
    expect(await api.runs()).not.toBe(first);
  });

  test('verifying is asked for', async () => {
    const calls = server(answer(checkpointDetail()));
    await httpApi().checkpoint('a', 'b', true);
    expect(calls.mock.calls[0]?.[0]).toBe('./checkpoint?run=a&id=b&verify=1');
  });

  test('a restore carries what the guard asks for, and no path', async () => {
    const calls = server(
      answer({
        run: 'a',
        id: 'b',
        path: '/x',
        size_bytes: 1,
        digest: 'd',
        created: true,
        message: 'm',
      }),
    );
    await httpApi().restore('a', 'b');
    const [url, init] = calls.mock.calls[0] ?? [];
    expect(url).toBe('./restore');
    expect(init?.method).toBe('POST');
    expect(init?.headers).toEqual({ 'Content-Type': 'application/json', 'X-XSRF-Protected': '1' });
    expect(JSON.parse(String(init?.body))).toEqual({ run: 'a', id: 'b', to: 'file' });
  });
});

describe('failures', () => {
  test('an error answer keeps its code, message and hint', async () => {
    const error = { code: 'read_only', message: 'Cannot write.', hint: 'Change it.' };
    server(answer({ error }, 403));
    await expect(httpApi().restore('a', 'b')).rejects.toMatchObject({ name: 'ApiError', ...error });
  });

  test.each([
    ['no connection', new Error('refused')],
    ['a page of something else', new Response('<html>', { status: 502 })],
  ])('%s means that the server is not there', async (_, response) => {
    server(response);
    await expect(httpApi().runs()).rejects.toBeInstanceOf(Unreachable);
  });

  test('an answer of another shape is not shown, but explained', async () => {
    server(answer({ runs: 1 }));
    const failure = await httpApi()
      .runs()
      .catch((cause: unknown) => cause);
    expect(failure).toBeInstanceOf(ApiError);
    expect(String(failure)).toContain('answer.runs should be a list');
  });
});
