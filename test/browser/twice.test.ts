import { expect, it } from 'vitest';
import { openPanel, settled } from './lab.ts';
import { openPage } from './page.ts';

/** What can be said twice, is: claims, expectations, captions, and faults at one moment. */
const TWICE = `title: Twice
broker: sqs
duration: 20s
queues: { photo-jobs: {} }
producers: { upload: { to: photo-jobs, rate: 2/s } }
consumers: { resizer: { from: photo-jobs, count: 2, process: 300ms, effect: { increment: photos } } }
claims: [at-least-once, at-least-once, { violated: exactly-once-effect }, { violated: exactly-once-effect }]
expect: ['depth(photo-jobs) == 0', 'depth(photo-jobs) == 0']
captions: [{ at: 1s, text: The same. }, { at: 1s, text: The same. }]
timeline:
  - { at: 2s, crash: resizer-1, restart: 1s }
  - { at: 2s, crash: resizer-1, restart: 1s }
  - { at: 2s, pause: resizer-2, for: 1s }
  - { at: 2s, pause: resizer-2, for: 1s }
  - { at: 2s, pause: upload, for: 1s }
`;

it('a file that says things twice is shown in every panel', async () => {
  const { page, complaints, close } = await openPage(`#yaml=${Buffer.from(TWICE).toString('base64url')}&t=5s`);
  await settled(page);
  for (const name of ['Inspector', 'Diagram', 'Ledger', 'Charts', 'Verdicts', 'Editor', 'Log']) {
    await openPanel(page, name);
  }
  await page.getByRole('tab', { name: 'Verdicts' }).click();
  await expect.poll(() => page.getByText('at least once', { exact: true }).count()).toBe(2);
  expect(complaints).toEqual([]);
  await close();
});
