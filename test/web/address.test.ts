import { expect, it } from 'vitest';
import { readAddress, writeAddress } from '../../web/address.ts';

it('a link that was written is read as it was', () => {
  const address = { scenario: 'photo-queue', yaml: null, seed: '7', timeUs: 19_400_000, sets: ['queues.a.b=8'] };
  expect(readAddress(writeAddress(address))).toEqual({ ...address, problem: '' });
});

it('a whole scenario travels in the link, whatever letters it has', () => {
  const yaml = 'title: "Grüße <b>&amp;</b> 📷"\n';
  expect(readAddress(writeAddress({ scenario: '', yaml, seed: null, timeUs: null, sets: [] })).yaml).toBe(yaml);
});

it('a time that is none, or a scenario that cannot be read, is said and not guessed', () => {
  expect(readAddress('#scenario=a&t=soon').problem).toContain('soon');
  expect(readAddress('#yaml=%%%').problem).toBe('The link holds no readable scenario.');
  expect(readAddress('#yaml=____').yaml).toBe(null);
});
