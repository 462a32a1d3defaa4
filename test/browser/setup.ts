// Before the browser tests: build the web app as it ships (unless QUEUELAB_WEB names a folder that holds it built), serve it from a free port, and find a Chromium,
// which each worker starts for itself. Tests take `baseUrl`, `webDir` and `chromium` by vitest's `inject`; `openPage` in page.ts does it for them.
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';
import { chromiumLaunchOptions } from '../../scripts/chromium.mjs';
import { serve } from './static.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Where the built page is served; ends with a slash. */
    baseUrl: string;
    /** The folder of the built page, which is served there. */
    webDir: string;
    /** For `chromium.launch`. */
    chromium: Awaited<ReturnType<typeof chromiumLaunchOptions>>;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const given = process.env['QUEUELAB_WEB'];
  // A folder of its own, so that a running `npm start` keeps its files.
  const webDir = given ?? mkdtempSync(join(tmpdir(), 'queuelab-web-'));
  if (given === undefined) await buildInto(webDir);
  const server = await serve({ folder: { dir: webDir, at: '/' } });
  project.provide('baseUrl', `${server.origin}/`);
  project.provide('webDir', webDir);
  project.provide('chromium', await chromiumLaunchOptions());

  return async () => {
    server.close();
    if (given === undefined) rmSync(webDir, { recursive: true, force: true });
  };
}

async function buildInto(webDir: string): Promise<void> {
  const playerDir = mkdtempSync(join(tmpdir(), 'queuelab-player-'));
  await Promise.all([build(webDir), build(playerDir, '-c', 'vite.player.config.ts')]);
  cpSync(playerDir, join(webDir, 'player'), { recursive: true });
  rmSync(playerDir, { recursive: true, force: true });
}

/** In a process of its own, because vitest's NODE_ENV=test would make it a development build. */
async function build(outDir: string, ...options: readonly string[]): Promise<void> {
  const vite = ['node_modules/vite/bin/vite.js', 'build', '--outDir', outDir, '--emptyOutDir', '--logLevel', 'warn'];
  const env = { ...process.env, NODE_ENV: 'production' };
  const { stderr } = await promisify(execFile)(process.execPath, [...vite, ...options], { env });
  if (stderr !== '') console.error(stderr);
}
