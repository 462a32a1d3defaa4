/**
 * The exchanges of a virtual host, their bindings, and the question they answer: which queues does this message reach?
 * It knows names, types and bindings; it holds no message, and a queue is only a name here. Declaring twice, durability and
 * permissions belong to the broker.
 * The idea: exchanges and bindings are a directed graph; routing walks it once, visiting each exchange at most once, so
 * cycles end and each queue is reached at most once however many paths lead there.
 * Source: rules R1–R9.
 */
import type { HeaderTable } from './headers-match.ts';
import { headersMatch, sameTable } from './headers-match.ts';
import { topicMatches, topicWords } from './topic-pattern.ts';

export type ExchangeType = 'direct' | 'fanout' | 'topic' | 'headers';

/** R1. */
export const EXCHANGE_TYPES: readonly string[] = [
  'direct',
  'fanout',
  'topic',
  'headers',
] satisfies readonly ExchangeType[];

/** An exchange as it was declared. `alternate` is the exchange tried when nothing here matched; absent is none. */
export interface Exchange {
  readonly name: string;
  readonly type: ExchangeType;
  readonly durable: boolean;
  readonly autoDelete: boolean;
  /** An internal exchange can be bound to but not published to. */
  readonly internal: boolean;
  readonly alternate: string | undefined;
}

/** One edge of the graph, from an exchange to a queue or to another exchange. */
export interface Binding {
  readonly source: string;
  readonly to: 'queue' | 'exchange';
  readonly destination: string;
  readonly key: string;
  readonly arguments: HeaderTable;
}

/** What routing looks at. `keys` holds the routing key first, then those of CC and BCC. */
export interface Routed {
  readonly keys: readonly string[];
  readonly headers: HeaderTable;
}

interface Edge {
  readonly binding: Binding;
  readonly words: readonly string[];
}

interface Node {
  readonly exchange: Exchange;
  readonly edges: Edge[];
  /** Edges of a direct exchange by binding key. */
  readonly byKey: Map<string, Edge[]>;
  /** The alternate of an exchange whose declaration names none. */
  fallback: string | undefined;
}

/** The default exchange has no name: every queue is bound to it under its own name, and nothing else ever is (R2). */
export const DEFAULT_EXCHANGE = '';

/** Routes of at most this many (exchange, key) pairs are remembered; then the memory starts afresh. */
const REMEMBERED_ROUTES = 4096;

export class ExchangeGraph {
  readonly #nodes = new Map<string, Node>();
  readonly #queues = new Set<string>();
  readonly #routes = new Map<string, readonly string[]>();
  #headersExchanges = 0;

  exchange(name: string): Exchange | undefined {
    return this.#nodes.get(name)?.exchange;
  }

  exchanges(): Exchange[] {
    return [...this.#nodes.values()].map((node) => node.exchange);
  }

  /** Adds an exchange; the name must be free. */
  addExchange(exchange: Exchange): void {
    this.#nodes.set(exchange.name, { exchange, edges: [], byKey: new Map(), fallback: undefined });
    if (exchange.type === 'headers') this.#headersExchanges += 1;
    this.#routes.clear();
  }

  /** Gives an exchange the alternate that it has where its declaration names none. */
  setFallback(name: string, alternate: string | undefined): void {
    const node = this.#nodes.get(name);
    if (node === undefined || node.fallback === alternate) return;
    node.fallback = alternate;
    this.#routes.clear();
  }

  /** Removes an exchange with all bindings from and to it. Returns exchanges that lost their last binding by it. */
  removeExchange(name: string): string[] {
    const node = this.#nodes.get(name);
    if (node === undefined) return [];
    this.#nodes.delete(name);
    if (node.exchange.type === 'headers') this.#headersExchanges -= 1;
    return this.#removeEdges((binding) => binding.to === 'exchange' && binding.destination === name);
  }

  addQueue(name: string): void {
    this.#queues.add(name);
    this.#routes.clear();
  }

  /** Removes a queue with all its bindings. Returns exchanges that lost their last binding by it. */
  removeQueue(name: string): string[] {
    this.#queues.delete(name);
    return this.#removeEdges((binding) => binding.to === 'queue' && binding.destination === name);
  }

  /** Adds a binding from an existing exchange; the same binding twice is one binding. */
  bind(binding: Binding): void {
    const node = this.#nodes.get(binding.source);
    if (node === undefined || node.edges.some((edge) => sameBinding(edge.binding, binding))) return;
    const edge = { binding, words: topicWords(binding.key) };
    node.edges.push(edge);
    const sameKey = node.byKey.get(binding.key);
    if (sameKey === undefined) node.byKey.set(binding.key, [edge]);
    else sameKey.push(edge);
    this.#routes.clear();
  }

  isBound(binding: Binding): boolean {
    return (this.#nodes.get(binding.source)?.edges ?? []).some((edge) => sameBinding(edge.binding, binding));
  }

  /** Removes a binding; one that does not exist is no mistake. Returns exchanges that lost their last binding by it. */
  unbind(binding: Binding): string[] {
    return this.#removeEdges((existing) => sameBinding(existing, binding));
  }

  /** How many bindings lead away from an exchange; an exchange without any is "unused" (exchange.delete if-unused). */
  bindingsFrom(name: string): readonly Binding[] {
    return (this.#nodes.get(name)?.edges ?? []).map((edge) => edge.binding);
  }

  /**
   * The queues that a message published to `exchange` reaches: each once (R5), in the order in which the walk finds them.
   * Empty when nothing matches, on the way through alternate exchanges too (R8), or when the exchange does not exist.
   */
  route(exchange: string, routed: Routed): readonly string[] {
    const key = routed.keys[0] ?? '';
    if (exchange === DEFAULT_EXCHANGE && routed.keys.length === 1) return this.#queues.has(key) ? [key] : [];
    if (routed.keys.length > 1 || this.#headersExchanges > 0) return this.#walk(exchange, routed);
    const remembered = `${exchange}\n${key}`;
    let queues = this.#routes.get(remembered);
    if (queues === undefined) {
      queues = this.#walk(exchange, routed);
      if (this.#routes.size >= REMEMBERED_ROUTES) this.#routes.clear();
      this.#routes.set(remembered, queues);
    }
    return queues;
  }

  #walk(start: string, routed: Routed): readonly string[] {
    const queues = new Set<string>();
    const seen = new Set<string>([start]);
    const toVisit = [start];
    const words = routed.keys.map(topicWords);
    for (let name = toVisit.shift(); name !== undefined; name = toVisit.shift()) {
      if (name === DEFAULT_EXCHANGE) {
        for (const key of routed.keys) if (this.#queues.has(key)) queues.add(key);
        continue;
      }
      const node = this.#nodes.get(name);
      if (node === undefined) continue;
      const matched = matchingEdges(node, routed, words);
      for (const { binding } of matched) {
        if (binding.to === 'queue') queues.add(binding.destination);
        else if (!seen.has(binding.destination)) {
          seen.add(binding.destination);
          toVisit.push(binding.destination);
        }
      }
      // The alternate is this exchange's own fallback: a match that leads to another exchange is a match, whatever
      // comes of it there.
      const alternate = node.exchange.alternate ?? node.fallback;
      if (matched.length === 0 && alternate !== undefined && !seen.has(alternate)) {
        seen.add(alternate);
        toVisit.push(alternate);
      }
    }
    return [...queues];
  }

  #removeEdges(goes: (binding: Binding) => boolean): string[] {
    const emptied: string[] = [];
    for (const [name, node] of this.#nodes) {
      const kept = node.edges.filter((edge) => !goes(edge.binding));
      if (kept.length === node.edges.length) continue;
      node.edges.length = 0;
      node.edges.push(...kept);
      node.byKey.clear();
      for (const edge of kept) {
        const sameKey = node.byKey.get(edge.binding.key);
        if (sameKey === undefined) node.byKey.set(edge.binding.key, [edge]);
        else sameKey.push(edge);
      }
      if (kept.length === 0) emptied.push(name);
    }
    this.#routes.clear();
    return emptied;
  }
}

function matchingEdges(node: Node, routed: Routed, words: readonly (readonly string[])[]): readonly Edge[] {
  switch (node.exchange.type) {
    case 'fanout':
      return node.edges;
    case 'direct': {
      const first = node.byKey.get(routed.keys[0] ?? '') ?? [];
      if (routed.keys.length === 1) return first;
      return node.edges.filter((edge) => routed.keys.includes(edge.binding.key));
    }
    case 'topic':
      return node.edges.filter((edge) => words.some((keyWords) => topicMatches(edge.words, keyWords)));
    case 'headers':
      return node.edges.filter((edge) => headersMatch(edge.binding.arguments, routed.headers));
    default: {
      const unknown: never = node.exchange.type;
      throw new Error(`an exchange of unknown type ${String(unknown)} was declared`);
    }
  }
}

function sameBinding(left: Binding, right: Binding): boolean {
  return (
    left.source === right.source &&
    left.to === right.to &&
    left.destination === right.destination &&
    left.key === right.key &&
    sameTable(left.arguments, right.arguments)
  );
}
