// The built app as plain files: under any path of any host, and without a network after the first visit.
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { expect, inject, it } from 'vitest';
import { anotherRun, digestOf, openPanel, settled } from './lab.ts';
import { openPage } from './page.ts';
import { serve } from './static.ts';

const AT = '/some/where/deep/';

/** When it has kept all files; the page is told so by nothing that people see. */
async function kept(page: Page): Promise<void> {
  await page.evaluate(async () => {
    const { active } = await navigator.serviceWorker.ready;
    if (active?.state === 'activated') return;
    await new Promise((resolve) => active?.addEventListener('statechange', resolve, { once: true }));
  });
}

it('the built folder works under any path of a plain file server, and asks nobody else for anything', async () => {
  const host = await serve({ folder: { dir: inject('webDir'), at: AT } });
  const { page, complaints, close } = await openPage(`${host.origin}${AT}index.html#scenario=worker-crash`, {
    keepsApp: true,
  });
  const elsewhere: string[] = [];
  page.on('request', (request) => {
    if (!request.url().startsWith(`${host.origin}${AT}`) && !/^(data|blob):/.test(request.url()))
      elsewhere.push(request.url());
  });
  await settled(page);
  await page.goto(`${host.origin}${AT}embed.html#scenario=ack-lost`);
  await page.getByRole('heading', { name: 'An ack that the network loses' }).waitFor();
  await page.goto(`${host.origin}${AT}player/example.html`);
  await page.getByRole('heading', { name: 'A worker dies before its ack' }).waitFor();
  expect(host.asked.filter((path) => path.endsWith(' 404') || !path.startsWith(AT))).toEqual([]);
  expect(elsewhere).toEqual([]);
  expect(complaints).toEqual([]);
  await close();
  host.close();
});

it('after the first visit all of the app works without a network: other scenarios, panels, the worker, the page for frames', async () => {
  const host = await serve({ folder: { dir: inject('webDir'), at: AT } });
  const { page, complaints, close } = await openPage(`${host.origin}${AT}#scenario=photo-queue`, { keepsApp: true });
  await settled(page);
  const digest = await digestOf(page);
  await kept(page);
  // Nobody answers any more.
  await page.context().setOffline(true);
  host.close();
  await page.reload();
  await settled(page);
  expect(await digestOf(page)).toBe(digest);
  for (const name of ['Charts', 'Ledger', 'Diagram', 'Inspector']) {
    await openPanel(page, name);
    expect(await page.getByText('could not be loaded').count()).toBe(0);
  }
  await page.goto(`${host.origin}${AT}index.html#scenario=leader-crash-acks-1`);
  await anotherRun(page, digest);
  await page.goto(`${host.origin}${AT}embed.html#scenario=ack-lost`);
  await page.getByRole('heading', { name: 'An ack that the network loses' }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a new version is seen at the next visit, and takes the place of the old one in the cache', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'queuelab-versions-'));
  cpSync(inject('webDir'), dir, { recursive: true });
  const host = await serve({ folder: { dir, at: AT } });
  const { page, close } = await openPage(`${host.origin}${AT}#scenario=photo-queue`, { keepsApp: true });
  await settled(page);
  await kept(page);
  const change = (file: string, from: string | RegExp, to: string): void => {
    const text = readFileSync(join(dir, file), 'utf8');
    const changed = text.replace(from, to);
    expect(changed).not.toBe(text);
    writeFileSync(join(dir, file), changed);
  };
  const [, version = ''] = /`([0-9a-f]{16})`/.exec(readFileSync(join(dir, 'service-worker.js'), 'utf8')) ?? [];
  change('index.html', '<title>queuelab</title>', '<title>queuelab</title><meta name="newer" content="yes">');
  change('service-worker.js', version, 'another-version');
  await page.reload();
  await page.locator('meta[name=newer]').waitFor({ state: 'attached' });
  await settled(page);
  // The old one is used as long as a page of it is open.
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
  });
  const fresh = await page.context().newPage();
  await page.close();
  await fresh.goto(`${host.origin}/not-of-the-app`);
  await expect
    .poll(() => fresh.evaluate(async () => (await caches.keys()).join()))
    .toBe(`queuelab ${host.origin}${AT} another-version`);
  await close();
  host.close();
  rmSync(dir, { recursive: true, force: true });
});
