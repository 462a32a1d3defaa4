import type { Page } from 'playwright-core';
import { expect, it } from 'vitest';
import { anotherRun, at, digestOf, settled } from './lab.ts';
import { openPage } from './page.ts';

const EXAMPLE = `# how photos are resized
title: Photos
broker: sqs
duration: 30s
queues:
  photo-jobs:
    VisibilityTimeout: 20s # longer than the work
producers:
  upload: { to: photo-jobs, rate: 2/s }
consumers:
  resizer:
    from: photo-jobs
    count: 2
    process: 300ms
`;

/** Opens a text in the editor. */
async function opened(text = EXAMPLE, more = '') {
  const found = await openPage(`#yaml=${Buffer.from(text).toString('base64url')}${more}`);
  await settled(found.page);
  await found.page.keyboard.press('e');
  const editor = found.page.getByRole('region', { name: 'Scenario editor' });
  const field = editor.getByRole('textbox', { name: 'Scenario as YAML' });
  await field.waitFor();
  await editor.getByText('This is what runs.').waitFor();
  return { ...found, editor, field };
}

/** All that is written, also what is out of sight. */
async function written(page: Page): Promise<string> {
  return page.evaluate(() => {
    const host = [...document.querySelectorAll('*')].find((element) => element.shadowRoot !== null);
    return [...(host?.shadowRoot?.querySelectorAll('.cm-line') ?? [])].map((line) => line.textContent).join('\n');
  });
}

/** Puts the cursor behind a line that has this text. */
async function behind(page: Page, text: string): Promise<void> {
  await page.locator('.cm-line', { hasText: text }).click();
  await page.keyboard.press('End');
}

it('what is typed is completed and run, at the same moment and with the same message', async () => {
  const { page, editor, complaints, close } = await opened(EXAMPLE, '&t=5s');
  const { fact } = await at(page);
  await page.evaluate(() => window.queuelab.goToFact(12));
  const before = await digestOf(page);
  const moment = await at(page);
  expect(fact).toBeGreaterThan(12);
  await behind(page, 'VisibilityTimeout');
  await page.keyboard.press('Enter');
  await page.keyboard.type('DelayS', { delay: 20 });
  await page
    .getByRole('option', { name: /^DelaySeconds/ })
    .and(page.locator(':first-child'))
    .filter({ hasText: 'default 0s' })
    .waitFor();
  // A list that has just come up takes no key for a moment, so that nobody accepts what they have not seen.
  await page.waitForTimeout(150);
  await page.keyboard.press('Enter');
  await page.keyboard.type('2');
  await page.getByRole('option', { name: '2s', exact: true }).click();
  await anotherRun(page, before);
  expect(await written(page)).toContain('    DelaySeconds: 2s\nproducers:');
  expect((await at(page)).timeUs).toBe(moment.timeUs);
  // Keys of the page are not heard while one types: `s` would have opened the scenarios.
  expect(await page.getByRole('dialog').count()).toBe(0);
  await editor.getByRole('button', { name: 'Undo' }).click();
  await editor.getByRole('button', { name: 'As opened' }).click();
  await expect.poll(() => digestOf(page)).toBe(before);
  expect(await written(page)).toBe(EXAMPLE);
  expect(complaints).toEqual([]);
  await close();
});

it('names of the file are suggested by key, and Tab leaves the text until Control M', async () => {
  const { page, field, complaints, close } = await opened();
  await behind(page, 'process: 300ms');
  await page.keyboard.press('Enter');
  await page.keyboard.type('effect: { set: photos }', { delay: 5 });
  await page.keyboard.press('Escape');
  await page.keyboard.press('Control+End');
  await page.keyboard.type('timeline:\n- { at: 3s, crash: ', { delay: 5 });
  await page.keyboard.press('Control+Space');
  const list = page.getByRole('listbox');
  for (const name of ['upload', 'resizer-1', 'resizer-2', 'photos'])
    await list.getByRole('option').filter({ hasText: name }).first().waitFor();
  await page.keyboard.press('Escape');
  await list.waitFor({ state: 'detached' });
  await page.keyboard.press('Tab');
  await expect.poll(() => field.evaluate((element) => element.matches(':focus'))).toBe(false);
  await field.focus();
  await page.keyboard.press('Control+m');
  const text = await written(page);
  await page.keyboard.press('Tab');
  await expect.poll(() => written(page)).not.toBe(text);
  expect(await field.evaluate((element) => element.matches(':focus'))).toBe(true);
  expect(complaints).toEqual([]);
  await close();
});

it('a hover tells the default, the limits and the source of an option', async () => {
  const { page, editor, complaints, close } = await opened();
  await page.locator('.cm-line', { hasText: 'VisibilityTimeout' }).getByText('VisibilityTimeout').hover();
  const card = page.locator('.cm-tooltip .card');
  await expect.poll(() => card.innerText()).toMatch(/default 30s[\s\S]*from 0s to 12h[\s\S]*S2/);
  expect(await card.getByRole('link', { name: 'S2' }).getAttribute('href')).toMatch(/^https:\/\//);
  // The same for those who have no mouse: at the cursor.
  await behind(page, 'count: 2');
  await page.keyboard.press('Home');
  await editor.getByRole('note', { name: 'At the cursor' }).getByText('How many instances').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('a mistake is marked, the run before stays, and a click repairs it and leaves the focus in the text', async () => {
  const { page, editor, field, complaints, close } = await opened();
  const before = await digestOf(page);
  await behind(page, 'from: photo-jobs');
  await page.keyboard.type('z');
  await page.keyboard.press('Escape');
  await editor
    .getByText(/^Not run: there is a mistake/)
    .first()
    .waitFor();
  await expect.poll(() => page.locator('.cm-lintRange-error').allInnerTexts()).toEqual(['photo-jobsz']);
  expect(await digestOf(page)).toBe(before);
  await page.keyboard.press('Control+Enter');
  await expect.poll(() => editor.getByRole('button', { name: 'Run' }).getAttribute('aria-disabled')).toBe('true');
  expect(await digestOf(page)).toBe(before);
  await editor.getByRole('list', { name: 'Mistakes' }).getByRole('button', { name: 'Replace by photo-jobs' }).click();
  await editor.getByText('This is what runs.').waitFor();
  expect(await written(page)).toBe(EXAMPLE);
  await field.and(page.locator(':focus')).waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('what is given twice is told once, an open bracket where it opens, and both in words of people', async () => {
  const { page, editor, complaints, close } = await opened();
  await behind(page, 'count: 2');
  await page.keyboard.type('\ncount: 3');
  await page.keyboard.press('Escape');
  const mistakes = editor.getByRole('list', { name: 'Mistakes' }).getByRole('listitem');
  await expect
    .poll(() => mistakes.allInnerTexts())
    .toEqual([expect.stringContaining('count is given twice. Keep one of them.')]);
  await editor.getByRole('button', { name: 'As opened' }).click();
  await behind(page, 'rate: 2/s');
  for (let i = 0; i < 2; i++) await page.keyboard.press('Backspace');
  await mistakes.getByText('{ is opened here and not closed.').waitFor();
  await expect.poll(() => page.locator('.cm-lintRange-error').allInnerTexts()).toEqual(['{ to: photo-jobs, rate: 2/s']);
  await mistakes.getByRole('button', { name: 'Add }' }).click();
  await editor.getByText('This is what runs.').waitFor();
  expect(await written(page)).toContain('  upload: { to: photo-jobs, rate: 2/s }\n');
  expect(complaints).toEqual([]);
  await close();
});

it('from the inspector and from a menu one comes to the line that says so, and the cursor marks its box', async () => {
  const { page, complaints, close } = await openPage(`#yaml=${Buffer.from(EXAMPLE).toString('base64url')}&t=5s`);
  await settled(page);
  const marked = (): Promise<number> => page.locator('.stage .marked').count();
  const line = (): Promise<string> => page.locator('.cm-activeLine').innerText();
  await page.getByRole('button', { name: 'Inspect queue photo-jobs' }).click();
  await expect.poll(marked).toBe(1);
  await page.getByRole('button', { name: 'Show VisibilityTimeout in the scenario' }).click();
  await expect.poll(line).toContain('VisibilityTimeout: 20s');
  await page.getByRole('button', { name: /^Consumer resizer-2/ }).click();
  await page.getByRole('button', { name: 'Show in the scenario' }).click();
  await expect.poll(line).toBe('  resizer:');
  await expect
    .poll(() => page.evaluate(() => document.activeElement?.shadowRoot?.activeElement?.ariaLabel))
    .toBe('Scenario as YAML');
  await expect.poll(marked, { message: 'both instances' }).toBe(2);
  await behind(page, 'from: photo-jobs');
  await expect.poll(marked, { message: 'the queue' }).toBe(1);
  await page.getByRole('tab', { name: 'Log' }).click();
  await expect.poll(marked).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});

it('a text that cannot be run when it is opened leads from the notice to its line', async () => {
  const { page, complaints, close } = await openPage(
    `#yaml=${Buffer.from(EXAMPLE.replace('20s', '20 parsecs')).toString('base64url')}`,
  );
  await page.getByRole('button', { name: 'Show in the editor' }).click();
  await expect.poll(() => page.locator('.cm-activeLine').innerText()).toContain('20 parsecs');
  await page.keyboard.press('End');
  for (let i = 0; i < '20 parsecs # longer than the work'.length; i++) await page.keyboard.press('Backspace');
  await page.keyboard.type('20s');
  await page.keyboard.press('Escape');
  await settled(page);
  await page.getByText('This is what runs.').waitFor();
  expect(complaints).toEqual([]);
  await close();
});

it('formatting sets the layout right, keeps remarks, and can be undone', async () => {
  const messy = EXAMPLE.replace('    VisibilityTimeout: 20s #', '      VisibilityTimeout:   20s   #').replace(
    '{ to: photo-jobs, rate: 2/s }',
    '{to: photo-jobs,rate: 2/s}',
  );
  const { page, editor, complaints, close } = await opened(messy);
  const before = await digestOf(page);
  await editor.getByRole('button', { name: 'Format' }).click();
  await expect.poll(() => written(page)).toBe(EXAMPLE);
  await page.locator('.cm-content').focus();
  await page.keyboard.press('Control+z');
  await expect.poll(() => written(page)).toBe(messy);
  expect(await digestOf(page)).toBe(before);
  expect(complaints).toEqual([]);
  await close();
});

it('form and text stay in step, and remarks survive', async () => {
  const { page, editor, complaints, close } = await opened(EXAMPLE, '&t=5s');
  const before = await digestOf(page);
  const { timeUs } = await at(page);
  await editor.getByRole('button', { name: 'Form', exact: true }).click();
  const form = editor.getByRole('form', { name: 'Settings' });
  const queue = form.getByRole('group', { name: 'queue photo-jobs' });
  const timeout = queue.getByRole('spinbutton', { name: 'VisibilityTimeout' });
  await expect.poll(() => timeout.inputValue()).toBe('20');
  await timeout.fill('3');
  await timeout.press('Enter');
  await anotherRun(page, before);
  await expect.poll(() => written(page)).toContain('VisibilityTimeout: 3s # longer than the work');
  expect(await written(page)).toContain('# how photos are resized');
  expect((await at(page)).timeUs).toBe(timeUs);

  const consumer = form.getByRole('group', { name: 'consumer resizer' });
  await consumer.getByRole('combobox', { name: 'settle' }).selectOption('before-processing');
  await expect.poll(() => written(page)).toContain('settle: before-processing');
  await consumer.getByRole('button', { name: 'Default for settle: after-processing' }).click();
  await expect.poll(() => written(page)).not.toContain('settle');

  await editor.getByRole('button', { name: 'Text', exact: true }).click();
  await behind(page, 'count: 2');
  await page.keyboard.type('000');
  await page.keyboard.press('Escape');
  await editor.getByRole('button', { name: 'Form', exact: true }).click();
  await consumer.getByText('2000 does not fit here. Expected: a whole number from 1 to 1000.').waitFor();
  await editor.getByRole('button', { name: 'Text', exact: true }).click();
  await behind(page, 'count: 2000');
  for (let i = 0; i < 4; i++) await page.keyboard.press('Backspace');
  await page.keyboard.type('4');
  await page.keyboard.press('Escape');
  await editor.getByRole('button', { name: 'Form', exact: true }).click();
  await expect.poll(() => consumer.getByRole('spinbutton', { name: 'count' }).inputValue()).toBe('4');
  expect(complaints).toEqual([]);
  await close();
});

it('what is done on the stage comes into the text as one change, beside what is being typed', async () => {
  const { page, editor, field, complaints, close } = await opened(EXAMPLE, '&t=5s');
  const before = await digestOf(page);
  await behind(page, 'title: Photos');
  // Not a text that could be run.
  await page.keyboard.type(' and more: [');
  await editor
    .getByText(/^Not run: /)
    .first()
    .waitFor();
  await page.evaluate(() => window.queuelab.goToFact(100));
  await page.getByRole('button', { name: /^Consumer resizer-1/ }).click();
  await page.getByRole('button', { name: 'Crash', exact: true }).click();
  await expect.poll(() => written(page)).toMatch(/crash: resizer-1/);
  expect(await written(page)).toContain('title: Photos and more: [');
  await settled(page);
  await field.focus();
  await page.keyboard.press('Control+z');
  await expect.poll(() => written(page)).not.toMatch(/crash/);
  expect(await written(page)).toContain('title: Photos and more: [');
  await editor.getByRole('button', { name: 'As opened' }).click();
  await expect.poll(() => digestOf(page)).toBe(before);
  // It is still there after another panel has been open.
  await page.getByRole('tab', { name: 'Log' }).click();
  await page.getByRole('tab', { name: 'Editor' }).click();
  await expect.poll(() => written(page)).toBe(EXAMPLE);
  await field.focus();
  await page.keyboard.press('Control+z');
  await expect.poll(() => written(page)).toContain('and more');
  expect(complaints).toEqual([]);
  await close();
});

it('hostile words stay words', async () => {
  const evil = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const text = EXAMPLE.replace('title: Photos', `title: '${evil}'`).replace('count: 2', `count: '${evil}'`);
  const { page, complaints, close } = await openPage(`#yaml=${Buffer.from(text).toString('base64url')}`);
  await page.getByRole('button', { name: 'Show in the editor' }).click();
  await page.locator('.cm-lintRange-error').waitFor();
  const editor = page.getByRole('region', { name: 'Scenario editor' });
  await page.locator('.cm-lintRange-error').hover();
  await page.locator('.cm-tooltip').first().waitFor();
  await editor.getByRole('button', { name: 'Form', exact: true }).click();
  await editor.getByRole('group', { name: 'consumer resizer' }).waitFor();
  expect(await page.locator('img, script:not([src])').count()).toBe(0);
  expect(complaints).toEqual([]);
  await close();
});
