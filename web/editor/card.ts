/** What is known of a key or a value, as elements: in tooltips, beside suggestions and below the text. Texts stay texts. */
import type { Doc } from '../../sim/scenario/hints.ts';
import { sourcesOf } from './sources.ts';

export function cardOf(doc: Doc): HTMLElement {
  const card = element('div', 'card');
  const head = element('p', 'head', [element('strong', '', [doc.title])]);
  if (doc.otherwise !== '') {
    head.append(doc.otherwise === 'required' ? ' required' : ' default ');
    if (doc.otherwise !== 'required') head.append(element('code', '', [doc.otherwise]));
  }
  card.append(head);
  if (doc.text !== '') card.append(element('p', '', withCode(doc.text)));
  if (doc.takes !== '') card.append(element('p', 'takes', ['Takes ', ...withCode(doc.takes), '.']));
  if (doc.example !== '') card.append(element('p', 'takes', ['For example ', element('code', '', [doc.example])]));
  const sources = sourcesOf(doc.broker, doc.source);
  if (sources.length > 0)
    card.append(element('p', 'takes', [`Source (${doc.broker}): `, ...sourceLinks(doc.broker, doc.source)]));
  return card;
}

/** Rules, as links where their page is known. */
export function sourceLinks(broker: string, source: string): readonly (Node | string)[] {
  return sourcesOf(broker, source).flatMap(({ name, address }, i) => {
    const shown = address === null ? name : link(name, address);
    return i === 0 ? [shown] : [', ', shown];
  });
}

function link(name: string, address: string): HTMLAnchorElement {
  const anchor = document.createElement('a');
  anchor.href = address;
  anchor.target = '_blank';
  anchor.rel = 'noopener noreferrer';
  anchor.textContent = name;
  anchor.title = `${address} (opens another page)`;
  return anchor;
}

/** Words in backticks as code. */
export function withCode(text: string): readonly (Node | string)[] {
  return text.split('`').map((part, i) => (i % 2 === 0 ? part : element('code', '', [part])));
}

function element(tag: string, className: string, children: readonly (Node | string)[] = []): HTMLElement {
  const made = document.createElement(tag);
  if (className !== '') made.className = className;
  made.append(...children);
  return made;
}
