/**
 * The web app as it ships, built into a folder of its own, served compressed as web servers do, and opened in Chromium without a graphics card. The server
 * remembers what it was asked for, so that a first load can be weighed.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { gzipSync } from 'node:zlib';
import { type Browser, chromium } from 'playwright-core';
import { chromiumLaunchOptions } from './chromium.mjs';

/** One file that was asked for. */
export interface Served {
  readonly path: string;
  /** As sent: compressed, without headers. */
  readonly bytes: number;
  /** Wall clock, ms since 1970. */
  readonly atMs: number;
}

export interface BuiltPage {
  /** Ends with a slash. */
  readonly url: string;
  readonly browser: Browser;
  /** In the order of asking; may be emptied. */
  readonly served: Served[];
  close(): Promise<void>;
}

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.webmanifest': 'application/manifest+json',
};

/** Builds the app, unless QUEUELAB_WEB names a folder that holds it built. */
export async function openBuiltPage(): Promise<BuiltPage> {
  const given = process.env['QUEUELAB_WEB'];
  const folder = given ?? mkdtempSync(join(tmpdir(), 'queuelab-bench-'));
  if (given === undefined)
    execFileSync(
      process.execPath,
      ['node_modules/vite/bin/vite.js', 'build', '--outDir', folder, '--emptyOutDir', '--logLevel', 'warn'],
      { stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, NODE_ENV: 'production' } },
    );
  const served: Served[] = [];
  const packed = new Map<string, Buffer>();
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://localhost').pathname));
    const file = join(folder, path.endsWith('/') ? `${path}index.html` : path);
    if (!file.startsWith(folder) || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) {
      response.writeHead(404).end();
      return;
    }
    const body = packed.get(file) ?? gzipSync(readFileSync(file), { level: 9 });
    packed.set(file, body);
    served.push({ path, bytes: body.length, atMs: performance.timeOrigin + performance.now() });
    response.writeHead(200, {
      'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
      'content-encoding': 'gzip',
      'content-length': body.length,
    });
    response.end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch(await chromiumLaunchOptions());
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    browser,
    served,
    close: async () => {
      await browser.close();
      server.closeAllConnections();
      server.close();
      if (given === undefined) rmSync(folder, { recursive: true, force: true });
    },
  };
}
