// Before the browser tests: build the web app as it ships, serve it from a free port, and start one Chromium that all test files
// connect to. Tests take `baseUrl`, `webRoot` and `wsEndpoint` by vitest's `inject`; `openPage` in page.ts does it for them.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { chromium } from 'playwright-core';
import { preview } from 'vite';
import type { TestProject } from 'vitest/node';
import { chromiumLaunchOptions } from '../../scripts/chromium.mjs';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the built page is served; ends with a slash. */
    baseUrl: string;
    /** The folder of the built page. */
    webRoot: string;
    /** The folder that is served there. */
    webDir: string;
    /** Where the shared Chromium listens, for `chromium.connect`. */
    wsEndpoint: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // A folder of its own, so that a running `npm start` keeps its files.
  const outDir = mkdtempSync(join(tmpdir(), 'queuelab-web-'));
  const playerDir = mkdtempSync(join(tmpdir(), 'queuelab-player-'));
  await Promise.all([build(outDir), build(playerDir, '-c', 'vite.player.config.ts')]);
  cpSync(playerDir, join(outDir, 'player'), { recursive: true });
  rmSync(playerDir, { recursive: true, force: true });
  const server = await preview({
    configFile: false,
    root: 'web',
    logLevel: 'warn',
    build: { outDir },
    preview: { host: '127.0.0.1', port: 0 },
  });
  const browser = await chromium.launchServer(await chromiumLaunchOptions());
  const baseUrl = server.resolvedUrls?.local[0];
  if (baseUrl === undefined) throw new Error('vite preview listens nowhere');
  project.provide('baseUrl', baseUrl);
  project.provide('webRoot', outDir);
  project.provide('webDir', outDir);
  project.provide('wsEndpoint', browser.wsEndpoint());

  return async () => {
    await browser.close();
    await server.close();
    rmSync(outDir, { recursive: true, force: true });
  };
}

/** In a process of its own, because vitest's NODE_ENV=test would make it a development build. */
async function build(outDir: string, ...options: readonly string[]): Promise<void> {
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'];
  const env = { ...process.env, NODE_ENV: 'production' };
  const { stderr } = await promisify(execFile)(process.execPath, [...vite, ...options], { env });
  if (stderr !== '') console.error(stderr);
}
