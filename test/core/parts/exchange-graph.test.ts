import { describe, expect, test } from 'vitest';
import type { Exchange, ExchangeType } from '../../../core/parts/exchange-graph.ts';
import { ExchangeGraph } from '../../../core/parts/exchange-graph.ts';
import type { HeaderTable } from '../../../core/parts/headers-match.ts';

/** A graph written as lines: `orders topic`, `orders -> billing: order.*`, `a => b: key` (exchange to exchange). */
function graph(...lines: readonly string[]): ExchangeGraph {
  const made = new ExchangeGraph();
  for (const line of lines) {
    const [, source, arrow, destination, key] = /^(\S+) ([-=]>) (\S+):\s*(.*)$/.exec(line) ?? [];
    if (source !== undefined && destination !== undefined && key !== undefined) {
      if (arrow === '->') made.addQueue(destination);
      made.bind({ source, to: arrow === '->' ? 'queue' : 'exchange', destination, key, arguments: {} });
    } else {
      const [name = '', type = '', alternate] = line.split(' ');
      made.addExchange(exchange(name, type as ExchangeType, alternate));
    }
  }
  return made;
}

function exchange(name: string, type: ExchangeType, alternate?: string): Exchange {
  return { name, type, durable: true, autoDelete: false, internal: false, alternate };
}

function route(of: ExchangeGraph, name: string, keys: string | readonly string[], headers: HeaderTable = {}) {
  return [...of.route(name, { keys: typeof keys === 'string' ? [keys] : keys, headers })].sort();
}

describe('routing', () => {
  test('the default exchange reaches the queue of that name and nothing else (R2)', () => {
    const made = graph('x direct', 'x -> photos: k');
    expect(route(made, '', 'photos')).toEqual(['photos']);
    expect(route(made, '', 'k')).toEqual([]);
  });

  test('direct compares whole keys, fanout ignores them (R1)', () => {
    const made = graph('d direct', 'f fanout', 'd -> a: k', 'd -> b: k', 'd -> c: other', 'f -> a: x', 'f -> c: y');
    expect(route(made, 'd', 'k')).toEqual(['a', 'b']);
    expect(route(made, 'f', 'whatever')).toEqual(['a', 'c']);
  });

  test('an order fans out over a topic exchange to the services that asked for it (R3)', () => {
    const made = graph(
      'orders topic',
      'orders -> billing: order.*.paid',
      'orders -> shipping: order.eu.#',
      'orders -> audit: #',
      'orders -> us-only: order.us.*',
    );
    expect(route(made, 'orders', 'order.eu.paid')).toEqual(['audit', 'billing', 'shipping']);
  });

  test('headers exchanges look at the headers, not at the key (R4)', () => {
    const made = graph('h headers');
    made.addQueue('big');
    made.bind({ source: 'h', to: 'queue', destination: 'big', key: '', arguments: { size: 'big' } });
    expect(route(made, 'h', 'any', { size: 'big' })).toEqual(['big']);
    expect(route(made, 'h', 'any', { size: 'small' })).toEqual([]);
  });

  test('many bindings and paths to one queue give it one copy, and cycles end (R5)', () => {
    const made = graph('a fanout', 'b topic', 'a => b: k', 'b => a: #', 'a -> q: 1', 'a -> q: 2', 'b -> q: #');
    expect(route(made, 'a', 'k')).toEqual(['q']);
  });

  test('CC keys route like the routing key (R6)', () => {
    const made = graph('d direct', 'd -> a: 1', 'd -> b: 2', 'd -> c: 3');
    expect(route(made, 'd', ['1', '3', 'nowhere'])).toEqual(['a', 'c']);
    expect(route(made, '', ['a', 'b'])).toEqual(['a', 'b']);
  });

  test('an alternate exchange is tried when nothing matched, along the chain, each once (R8)', () => {
    const made = graph('a direct b', 'b direct c', 'c fanout a', 'a -> q: k', 'c -> rest: ');
    expect(route(made, 'a', 'k')).toEqual(['q']);
    expect(route(made, 'a', 'unknown')).toEqual(['rest']);
    expect(route(graph('a direct b', 'b direct a'), 'a', 'k')).toEqual([]);
    expect(route(graph('a direct missing'), 'a', 'k')).toEqual([]);
  });

  test('a remembered route is forgotten when the bindings change', () => {
    const made = graph('t topic', 't -> q: a.#');
    expect(route(made, 't', 'a.b')).toEqual(['q']);
    made.unbind({ source: 't', to: 'queue', destination: 'q', key: 'a.#', arguments: {} });
    expect(route(made, 't', 'a.b')).toEqual([]);
  });

  test('deleting a queue unbinds it and names the exchanges left without a binding', () => {
    const made = graph('a direct', 'b direct', 'a -> q: 1', 'b -> q: 1', 'b -> other: 1');
    expect(made.removeQueue('q')).toEqual(['a']);
    expect(route(made, 'b', '1')).toEqual(['other']);
  });
});
