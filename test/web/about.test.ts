import { expect, it } from 'vitest';
import { aboutOf } from '../../web/picker/about.ts';
import { libraryFiles } from '../scenarios/files.ts';
import { libraryText } from './library.ts';

it('the picker tells a story and a broker of every scenario of the library', () => {
  const untold = libraryFiles().filter(({ text }) => Object.values(aboutOf(text)).includes(''));
  expect(untold.map(({ path }) => path)).toEqual([]);
});

it.each([
  ['photo-queue', 'sqs'],
  ['one-corrupt-photo', '7 brokers'],
])('it tells that %s is of %s', (name, broker) => {
  expect(aboutOf(libraryText(name)).broker).toBe(broker);
});

it('of several brokers of a file it names each kind once', () => {
  const brokers = 'brokers: { a: sqs, b: { kind: sns }, c: sqs }';
  expect(aboutOf(`title: Two\n${brokers}\nstory: Once.\n`)).toEqual({ story: 'Once.', broker: 'sqs, sns' });
});
