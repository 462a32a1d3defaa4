import { expect, it } from 'vitest';
import { settingsOf } from '../../sim/scenario/settings.ts';
import { factsThrough } from '../../web/answers.ts';
import { readScenario } from '../../web/reading.ts';
import { libraryRun, libraryText } from './library.ts';

function settings(text: string): ReturnType<typeof settingsOf> {
  const { scenario } = readScenario({ file: 'test', text, sets: [], lines: [], under: null });
  if (scenario === null) throw new Error('the scenario cannot be read');
  return settingsOf(text, scenario);
}

it('a setting has what the file says, else its default, with documentation and source', () => {
  const all = settings(libraryText('with-dlq'));
  const queue = all.find(({ section, name }) => section === 'queues' && name === 'photo-jobs');
  expect(queue?.broker).toBe('SQS');
  const by = new Map(queue?.settings.map((one) => [one.name, one]));
  expect(by.get('VisibilityTimeout')).toMatchObject({ value: '5s', otherwise: '30s', isSet: true, source: 'S2' });
  expect(by.get('DelaySeconds')).toMatchObject({ value: '0s', isSet: false });
  expect(by.get('RedrivePolicy.maxReceiveCount')).toMatchObject({ isSet: true, otherwise: '10' });
  for (const one of queue?.settings ?? []) expect(one.doc, one.name).not.toBe('');
});

it('whatever a scenario declares has settings, whoever its broker is', () => {
  for (const name of ['order-fan-out', 'rides-by-city', 'photo-sync']) {
    for (const one of settings(libraryText(name))) expect(one.settings.length, one.name).toBeGreaterThan(0);
  }
});

it('a filter of the log lets through what it names', () => {
  const { trace } = libraryRun('worker-crash');
  const any = { actor: 0, message: 0, kinds: [] };
  expect(factsThrough(trace, any)).toHaveLength(trace.count);
  const worker = trace.actors.find(({ kind }) => kind === 'consumer')?.id ?? 0;
  for (const id of factsThrough(trace, { ...any, actor: worker }))
    expect([trace.actor(id), trace.peer(id)]).toContain(worker);
  for (const id of factsThrough(trace, { ...any, message: 2 })) expect(trace.messageOf(id)).toBe(2);
  const names = [...factsThrough(trace, { ...any, kinds: ['working'] })].map((id) => trace.name(id));
  expect(new Set(names)).toEqual(new Set(['begun', 'applied']));
});
