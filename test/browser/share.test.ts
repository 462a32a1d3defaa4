import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Download, Page } from 'playwright-core';
import { expect, inject, it } from 'vitest';
import { serve } from '../../sim/cli-serve.ts';
import { writeLink } from '../../web/address.ts';
import { anotherRun, at, digestOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const SCENARIO = '#scenario=worker-crash&t=8.05s';
const CLIPBOARD = { permissions: ['clipboard-read', 'clipboard-write'] };

async function share(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Share' }).click();
  await page.getByRole('dialog', { name: 'Share' }).waitFor();
}

async function saved(page: Page, button: string): Promise<{ readonly name: string; readonly bytes: Buffer }> {
  const [download] = await Promise.all([
    page.waitForEvent('download') as Promise<Download>,
    page.getByRole('button', { name: button }).click(),
  ]);
  const parts: Buffer[] = [];
  for await (const part of await download.createReadStream()) parts.push(part as Buffer);
  return { name: download.suggestedFilename(), bytes: Buffer.concat(parts) };
}

/** Drops files on the page as a person would. */
async function drop(page: Page, name: string, text: string): Promise<void> {
  const data = await page.evaluateHandle(
    ([fileName, content]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([content], fileName));
      return transfer;
    },
    [name, text] as const,
  );
  await page.dispatchEvent('main', 'drop', { dataTransfer: data });
}

it('a link brings edits, added lines, seed, moment, panel and selection back, and says that the run is the same', async () => {
  const lines = [{ at: '8s', crash: 'resizer-2', restart: '5s' }];
  const given = await writeLink({ scenario: 'worker-crash', seed: '7', timeUs: 8_050_000, lines });
  const { page, complaints, close } = await openPage(given, CLIPBOARD);
  await settled(page);
  await page.getByRole('button', { name: /^Consumer resizer-2, crashed/ }).waitFor();
  await page.getByRole('tab', { name: 'Ledger' }).click();
  await page.getByRole('button', { name: 'Bookmark this moment' }).click();
  await page.getByRole('button', { name: 'Larger panel' }).click();
  const digest = await digestOf(page);
  await share(page);
  await page.getByRole('button', { name: 'Copy link' }).click();
  await page.getByText('Link copied.').waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  expect(new URL(link).hash).toMatch(/^#v=1&z=/);

  const again = await openPage(new URL(link).hash);
  await settled(again.page);
  expect(await digestOf(again.page)).toBe(digest);
  expect((await at(again.page)).timeUs).toBe(8_050_000);
  await again.page.getByText('Reproduced exactly').waitFor();
  await again.page.getByRole('tab', { name: 'Ledger', selected: true }).waitFor();
  await again.page.getByRole('button', { name: 'Smaller panel' }).waitFor();
  await again.page.getByRole('button', { name: 'Bookmark at 0:08.050: go there' }).waitFor();
  await again.page.getByRole('button', { name: 'Close this notice' }).click();
  await again.page.getByText('Reproduced exactly').waitFor({ state: 'detached' });
  expect([...complaints, ...again.complaints]).toEqual([]);
  await again.close();
  await close();
});

it('a link of the library stays readable, and a digest that does not agree is told with the likely reason', async () => {
  const { page, complaints, close } = await openPage(`${SCENARIO}&digest=00000000-00000000&by=0.0.1`);
  await settled(page);
  await page.getByText(/^Differs from the run that was shared: the link was made by queuelab 0\.0\.1/).waitFor();
  await share(page);
  const link = page.getByRole('textbox', { name: 'Link' });
  await expect.poll(() => link.inputValue()).toContain('#scenario=worker-crash&t=8.05s&digest=');
  expect(complaints).toEqual([]);
  await close();
  const edited = await openPage(
    await writeLink({
      yaml: readFileSync('scenarios/delivery/worker-crash.yaml', 'utf8'),
      digest: '12345678-12345678',
    }),
  );
  await edited.page.getByText('the link was edited on its way').waitFor();
  await edited.close();
});

it('stage and diagram are saved as vectors with their text, and as pixels', async () => {
  const { page, complaints, close } = await openPage(SCENARIO);
  await settled(page);
  await share(page);
  const stage = await saved(page, 'Save stage as SVG');
  const svg = stage.bytes.toString();
  expect(stage.name).toBe('worker-crash.svg');
  for (const words of [
    'upload-service',
    'photo-jobs',
    'crashed 1.4 s ago',
    'A worker dies before its ack',
    'half done',
  ])
    expect(svg).toContain(words);
  expect(svg).not.toContain('<script');
  const problem = await page.evaluate((text) => {
    const parsed = new DOMParser().parseFromString(text, 'image/svg+xml');
    return parsed.querySelector('parsererror')?.textContent ?? '';
  }, svg);
  expect(problem).toBe('');
  const diagram = await saved(page, 'Save diagram as SVG');
  expect(diagram.bytes.toString()).toContain('resizer-1');
  for (const button of ['Save stage as PNG', 'Save diagram as PNG']) {
    const { bytes } = await saved(page, button);
    expect(bytes.subarray(1, 4).toString()).toBe('PNG');
    expect(bytes.length).toBeGreaterThan(20_000);
  }
  expect(complaints).toEqual([]);
  await close();
});

it('a stretch is saved as a film, which can be given up, and the playhead is back where it was', async () => {
  const { page, complaints, close } = await openPage(SCENARIO);
  await settled(page);
  await share(page);
  await page.getByLabel('Moving picture lasts, in seconds').fill('1');
  await page.getByLabel('width').selectOption('480 px');
  const gif = await saved(page, 'Save GIF');
  expect(gif.bytes.subarray(0, 6).toString()).toBe('GIF89a');
  expect(gif.bytes.at(-1)).toBe(0x3b);
  const frames = await page.evaluate(
    async (bytes) => {
      const decoder = new ImageDecoder({ data: Uint8Array.from(bytes), type: 'image/gif' });
      await decoder.tracks.ready;
      await decoder.completed;
      for (let i = 0; i < (decoder.tracks.selectedTrack?.frameCount ?? 0); i++) await decoder.decode({ frameIndex: i });
      return decoder.tracks.selectedTrack?.frameCount ?? 0;
    },
    [...gif.bytes],
  );
  expect(frames).toBe(13);
  const film = await saved(page, 'Save WebM');
  expect(film.bytes.subarray(0, 4).toString('hex')).toBe('1a45dfa3');
  await page.getByLabel('Moving picture lasts, in seconds').fill('20');
  await page.getByRole('button', { name: 'Save GIF' }).click();
  await page.getByRole('button', { name: 'Give up', exact: true }).click();
  await page.getByText('Given up.').waitFor();
  await page.getByRole('button', { name: 'Save GIF' }).and(page.locator(':focus')).waitFor();
  expect((await at(page)).timeUs).toBe(8_050_000);
  expect(complaints).toEqual([]);
  await close();
});

it('facts are saved for other tools, and the saved trace opens again without being run', async () => {
  const { page, complaints, close } = await openPage(SCENARIO);
  await settled(page);
  const digest = await digestOf(page);
  await share(page);
  expect((await saved(page, 'Save CSV')).bytes.toString()).toContain('id,timeUs,fact,actor');
  expect((await saved(page, 'Save Mermaid sequence')).bytes.toString()).toContain('sequenceDiagram');
  const perfetto = JSON.parse((await saved(page, 'Save Perfetto trace')).bytes.toString());
  expect(perfetto.traceEvents.length).toBeGreaterThan(50);
  const scenario = await saved(page, 'Save scenario');
  expect(scenario.bytes.toString()).toBe(readFileSync('scenarios/delivery/worker-crash.yaml', 'utf8'));
  const trace = (await saved(page, 'Save JSON Lines')).bytes.toString();
  await page.getByLabel('Facts from').fill('9');
  await page.getByLabel('Facts to').fill('2');
  await page.getByText('A stretch goes from a time to a later one').waitFor();
  await page.getByRole('button', { name: 'Close', exact: true }).click();

  const other = await openPage('#scenario=photo-queue');
  await settled(other.page);
  await drop(other.page, 'run.jsonl', trace);
  await other.page.getByRole('button', { name: /^Consumer resizer-1/ }).waitFor();
  await expect.poll(() => digestOf(other.page)).toBe(digest);
  await settled(other.page);
  // Its scenario is there too: another seed runs it.
  const seed = other.page.getByRole('textbox', { name: /^Seed/ });
  await seed.fill('99');
  await seed.press('Enter');
  await anotherRun(other.page, digest);
  expect([...complaints, ...other.complaints]).toEqual([]);
  await other.close();
  await close();
});

it('a file is opened by drop or by its button, and the page says what it was that it could not open', async () => {
  const { page, complaints, close } = await openPage('#scenario=photo-queue');
  await settled(page);
  const text = readFileSync('scenarios/delivery/worker-crash.yaml', 'utf8');
  await drop(page, 'mine.yaml', text);
  await page.getByRole('button', { name: /^Consumer resizer-1/ }).waitFor();
  await expect.poll(() => new URL(page.url()).hash).toBe('');
  await page.keyboard.press('s');
  const [chooser] = await Promise.all([
    page.waitForEvent('filechooser'),
    page.getByRole('button', { name: 'Open a file' }).click(),
  ]);
  await chooser.setFiles({
    name: 'other.yaml',
    mimeType: 'text/yaml',
    buffer: readFileSync('scenarios/why-queues/photo-queue.yaml'),
  });
  await page.getByRole('button', { name: /^Consumer worker-1/ }).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a local file is followed as it changes, keeps the moment, and keeps the last run when it is broken', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'queuelab-follow-'));
  const file = join(folder, 'mine.yaml');
  const text = readFileSync('scenarios/delivery/worker-crash.yaml', 'utf8');
  writeFileSync(file, text);
  const served = await serve(inject('webDir'), file, 0);
  const { page, complaints, close } = await openPage(`${served.url}#open=local`);
  await settled(page);
  await page.getByRole('button', { name: /^Consumer resizer-1/ }).waitFor();
  const first = await digestOf(page);
  await page.evaluate(() => window.queuelab.goToFact(20));
  const { timeUs } = await at(page);

  writeFileSync(file, text.replace('VisibilityTimeout: 30s', 'VisibilityTimeout: 20s'));
  await anotherRun(page, first);
  expect((await at(page)).timeUs).toBe(timeUs);

  writeFileSync(file, 'title: [');
  await page.getByText('This scenario cannot be run.').waitFor();
  await page.getByRole('button', { name: /^Consumer resizer-1/ }).waitFor();
  rmSync(folder, { recursive: true });
  await page.getByText('The file is gone.').waitFor();
  await served.close();
  await page.getByText('is no longer followed').waitFor();
  // The browser itself complains of a file that is gone and of a connection that ends.
  expect(complaints.filter((one) => !/410|events|file/.test(one))).toEqual([]);
  await close();
});
