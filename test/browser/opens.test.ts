import { expect, it } from 'vitest';
import { openPage } from './page.ts';

it('the page opens with its title and without a complaint', async () => {
  const { page, complaints, close } = await openPage('', { loads: true });
  await page.getByRole('heading', { name: 'queuelab' }).first().waitFor();
  expect(await page.title()).toContain('queuelab');
  expect(complaints).toEqual([]);
  await close();
});
