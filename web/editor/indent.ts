/** How far the line below a line of YAML is indented: like it, two further behind a key without a value, and below the key of a list item that has keys. */
export function indentAfter(line: string): number {
  const written = line.replace(/(?:^|\s)#.*$/, '').trimEnd();
  if (written === '') return line.search(/\S|$/);
  const own = /^ */.exec(line)?.[0].length ?? 0;
  const item = /^ *(?:- +)+(?=[^\s{["'][^:]*:(?:\s|$))/.exec(line)?.[0].length ?? own;
  return written.endsWith(':') ? item + 2 : item;
}
