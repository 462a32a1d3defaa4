/** Text of the user's inside a message: one line, and not too much of it. */
export function shown(text: string, longest = 60): string {
  const line = text.slice(0, longest + 1).replace(/\s+/g, ' ');
  return text.length > longest ? `${line.slice(0, longest - 1)}…` : line;
}
