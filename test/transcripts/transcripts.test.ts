/**
 * The command line as people see it. Each file is a row of cases: remarks that begin with #, a command line, `----`, and what it printed, with the exit
 * status where it is not 0. `UPDATE=1` (or `npm run transcripts`) writes the outputs anew; read the difference like code.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const FOLDER = 'test/transcripts';

interface Case {
  /** Remarks and the command line, as they stand. */
  readonly head: string;
  readonly command: string;
  readonly output: string;
}

/** Cases are parted by a line `====`. */
function read(file: string): Case[] {
  return readFileSync(`${FOLDER}/${file}`, 'utf8')
    .split(/^====\n/m)
    .map((text) => {
      const [head = '', output = ''] = text.split(/^----\n/m);
      const command = head.split('\n').find((line) => line.startsWith('queuelab')) ?? '';
      return { head, command, output };
    });
}

function play(command: string): string {
  const [, ...words] = command.match(/"[^"]*"|\S+/g) ?? [];
  const args = words.map((word) => word.replace(/^"|"$/g, ''));
  const { stdout, stderr, status } = spawnSync(process.execPath, ['bin/queuelab.js', ...args], {
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return `${stderr}${stdout}${status === 0 ? '' : `exit status ${status}\n`}`;
}

for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
  describe(file, () => {
    const cases = read(file);
    const played: string[] = [];
    it.each(cases)('$command', ({ head, command, output }) => {
      const now = play(command);
      played.push(`${head}----\n${now}`);
      if (process.env['UPDATE'] === undefined) expect(now).toBe(output);
      else if (played.length === cases.length) writeFileSync(`${FOLDER}/${file}`, played.join('====\n'));
    });
  });
}
