import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Served, serve } from '../../sim/cli-serve.ts';

const folder = mkdtempSync(join(tmpdir(), 'queuelab-serve-'));
const root = join(folder, 'web');
const file = join(folder, 'my photos.yaml');
let served: Served;

beforeAll(async () => {
  mkdirSync(join(root, 'assets'), { recursive: true });
  writeFileSync(join(root, 'index.html'), '<p>page</p>');
  writeFileSync(join(root, 'assets', 'a.js'), 'a');
  writeFileSync(join(folder, 'secret.txt'), 'secret');
  symlinkSync(join(folder, 'secret.txt'), join(root, 'link.txt'));
  writeFileSync(file, 'title: Photos\n');
  served = await serve(root, file, 0);
});
afterAll(async () => {
  await served.close();
  rmSync(folder, { recursive: true });
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** Sends the path as it stands, as no browser would. */
function get(path: string, options: { readonly method?: string; readonly host?: string } = {}): Promise<Answer> {
  const { port } = new URL(served.url);
  const { method = 'GET', host = `127.0.0.1:${port}` } = options;
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers: { host } }, (response) => {
      let text = '';
      response.on('data', (part) => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text, headers: response.headers }));
    });
    asked.on('error', reject);
    asked.end();
  });
}

it('serves the page, with types that browsers want', async () => {
  expect(await get('/')).toMatchObject({ status: 200, text: '<p>page</p>' });
  const script = await get('/assets/a.js?v=1');
  expect(script).toMatchObject({ status: 200, text: 'a' });
  expect(script.headers['content-type']).toContain('text/javascript');
});

it.each(['/', '//', '/./', '/assets/..'])(
  'finds its files where the folder is written with "%s" at its end',
  async (end) => {
    const other = await serve(`${root}${end}`, null, 0);
    const answer = await fetch(other.url);
    expect(await answer.text()).toBe('<p>page</p>');
    await other.close();
  },
);

it('serves the one file that was named, with its name', async () => {
  const answer = await get('/queuelab-open/file');
  expect(answer).toMatchObject({ status: 200, text: 'title: Photos\n' });
  expect(answer.headers['x-file-name']).toBe('my%20photos.yaml');
});

it.each([
  '/../secret.txt',
  '/assets/../../secret.txt',
  '/..%2fsecret.txt',
  '/%2e%2e/secret.txt',
  '//secret.txt',
  '/link.txt',
  '/assets',
  '/queuelab-open/../secret.txt',
  '/\\..\\secret.txt',
])('the path %s leads nowhere', async (path) => {
  const { status, text } = await get(path);
  expect(status).toBe(404);
  expect(text).not.toContain('secret\n');
});

it('answers nobody who came by another name, and nothing but GET', async () => {
  expect((await get('/queuelab-open/file', { host: 'evil.example' })).status).toBe(403);
  expect((await get('/', { host: '127.0.0.1.evil.example' })).status).toBe(403);
  expect((await get('/', { host: 'localhost:1' })).status).toBe(200);
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) expect((await get('/', { method })).status).toBe(405);
});

it('tells when the file changes, and that it is gone', async () => {
  const { port } = new URL(served.url);
  const heard = await new Promise<IncomingMessage>((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path: '/queuelab-open/events' }, resolve);
    asked.on('error', reject);
    asked.end();
  });
  const events = new Promise<string>((resolve) => {
    heard.on('data', (part) => {
      if (!String(part).includes('changed')) return;
      heard.destroy();
      resolve(String(part));
    });
  });
  // Not before it is listened to.
  writeFileSync(file, 'title: Other photos\n');
  expect(await events).toContain('event: changed');
  rmSync(file);
  expect((await get('/queuelab-open/file')).status).toBe(410);
});

it('without a file there is none to be had', async () => {
  const alone = await serve(root, null, 0);
  const { port } = new URL(alone.url);
  expect((await fetch(`http://127.0.0.1:${port}/queuelab-open/file`)).status).toBe(404);
  await alone.close();
});

it('the command says where it is, and ends in good order when it is told to', async () => {
  const args = ['bin/queuelab.js', 'open', 'scenarios/why-queues/photo-queue.yaml', '--no-browser', '--port', '0'];
  const child = spawn(process.execPath, args);
  const said = await new Promise<string>((resolve, reject) => {
    let text = '';
    const hear = (part: Buffer): void => {
      text += part;
      if (text.includes('Ctrl-C')) resolve(text);
    };
    child.stdout.on('data', hear);
    child.stderr.on('data', hear);
    child.on('exit', () => reject(new Error(`it ended: ${text}`)));
  });
  const url = /http:\/\/127\.0\.0\.1:\d+\//.exec(said)?.[0] ?? '';
  expect(await (await fetch(`${url}queuelab-open/file`)).text()).toContain('photo upload');
  const ended = new Promise((resolve) => child.on('exit', resolve));
  child.kill('SIGINT');
  expect(await ended).toBe(0);
});
