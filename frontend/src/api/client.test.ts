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
    await httpApi().timeline('a b/ü', 'r 1');
    expect(calls.mock.calls[0]?.[0]).toBe('./timeline?run=a+b%2F%C3%BC&since=r+1');
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

  test('a timeline that did not change is null', async () => {
    server(answer(null, 304));
    expect(await httpApi().timeline('a', 'r1')).toBeNull();
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
