import { expect, it } from 'vitest';
import { readAddress, withUnder, writeAddress } from '../../web/address.ts';

it('a link that was written is read as it was', () => {
  const address = {
    scenario: 'photo-queue',
    yaml: null,
    seed: '7',
    timeUs: 19_400_000,
    sets: ['queues.a.b=8'],
    under: 'kafka',
  };
  expect(readAddress(writeAddress(address))).toEqual({ ...address, problem: '' });
});

it('a whole scenario travels in the link, whatever letters it has', () => {
  const yaml = 'title: "Grüße <b>&amp;</b> 📷"\n';
  expect(readAddress(writeAddress({ scenario: '', yaml, seed: null, timeUs: null, sets: [], under: null })).yaml).toBe(
    yaml,
  );
});

it('a time that is none, or a scenario that cannot be read, is said and not guessed', () => {
  expect(readAddress('#scenario=a&t=soon').problem).toContain('soon');
  expect(readAddress('#yaml=%%%').problem).toBe('The link holds no readable scenario.');
  expect(readAddress('#yaml=____').yaml).toBe(null);
});

it('another broker takes the place of the one before, and all else of the link stays', () => {
  const link = withUnder('#scenario=one-corrupt-photo&seed=7&under=sqs', 'kafka');
  expect(readAddress(link)).toMatchObject({ scenario: 'one-corrupt-photo', seed: '7', under: 'kafka' });
  expect(readAddress('#scenario=a').under).toBe(null);
});
