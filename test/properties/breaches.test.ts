/**
 * The other half of a promise: settings that do not make it. For each line of the table a search over generated fault schedules must find a run in which the
 * claim breaks, and the verdict must blame the setting of that line. A checker that never fires fails here, and so does a setting that has neither a line nor
 * a reason why it needs none.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CLAIMS, type ClaimName } from '../../sim/checks/names.ts';
import { permits, type Side } from '../../sim/checks/promises.ts';
import { settingsOf } from '../../sim/checks/settings.ts';
import { BREACHES, type Breach, UNSEARCHED } from './breaches.ts';
import { type Document, yamlOf } from './document.ts';
import { type Cast, type Fault, faults, lineOf } from './faults.ts';
import { blamed, scenarioOf } from './laws.ts';

/** How many runs a search may take. */
const MOST_RUNS = 200;

/** What every search goes through, in this order; the first has no fault beside the line's own. */
const SCHEDULES: readonly { readonly seed: number; readonly faults: readonly Fault[] }[] = [
  { seed: 1, faults: [] },
  ...fc.sample(fc.record({ seed: fc.nat({ max: 9999 }), faults }), { numRuns: MOST_RUNS - 1, seed: 5 }),
];

describe('where a setting does not promise a claim', () => {
  it.each(BREACHES)('$claims can break, and $setting is blamed', (breach) => {
    expect(searched(breach)).toEqual([]);
  });
});

describe('every setting that permits a breach', () => {
  const lines = BREACHES.flatMap((breach) =>
    breach.claims.map((claim) => ({ claim, words: fullWords(breach, claim) })),
  );

  it.each(lines)('of $claim, as in "$words", is listed', ({ claim, words }) => {
    expect(listed(claim, words)).not.toBe('');
  });

  const covered = new Set(lines.map(({ claim, words }) => `${claim}: ${listed(claim, words)}`));
  const all = CLAIMS.flatMap((claim) => settingsOf(claim).map((setting) => ({ claim, setting })));

  it.each(all)('has a line or a reason: $claim, $setting', ({ claim, setting }) => {
    const reason = UNSEARCHED.find((one) => one.claims.includes(claim) && one.settings.includes(setting))?.reason ?? '';
    expect(covered.has(`${claim}: ${setting}`) ? 'a line' : reason === '' ? 'nothing' : 'a reason').not.toBe('nothing');
  });

  it('has no reason where it has a line, and none for what is not listed', () => {
    const idle = UNSEARCHED.flatMap(({ claims, settings }) =>
      claims.flatMap((claim) =>
        settings
          .filter(
            (setting) =>
              covered.has(`${claim}: ${setting}`) || !(settingsOf(claim) as readonly string[]).includes(setting),
          )
          .map((setting) => `${claim}: ${setting}`),
      ),
    );
    expect(idle).toEqual([]);
  });
});

/** The claims that no run broke by the setting of the line, each with what was blamed instead. */
function searched({ claims, scope = '', setting, system, timeline = [] }: Breach): readonly string[] {
  const others = new Set<string>();
  let sought = claims;
  const whole: Cast = {
    makers: ['maker'],
    workers: ['worker'],
    nodes: nodesOf(system),
    nodeSteps: ['appended', 'delivered', 'confirmed'],
  };
  for (const { seed, faults } of SCHEDULES) {
    const lines = [...timeline, ...faults.map((fault) => lineOf(fault, whole))];
    const yaml = yamlOf({ ...system, seed, ...(lines.length > 0 ? { timeline: lines } : {}) });
    const found = blamed(yaml, sought, scope);
    for (const words of found.values()) if (words !== '') others.add(words);
    sought = sought.filter((claim) => !(found.get(claim) ?? '').includes(setting));
    if (sought.length === 0) return [];
  }
  return sought.map(
    (claim) => `${claim}: not found in ${MOST_RUNS} runs; blamed: ${[...others].join('; ') || 'nothing'}`,
  );
}

const SIDES: readonly Side[] = ['sending', 'consuming', 'effect'];

/** What the verdict says of this line's setting, in full; '' when the scenario's settings do not permit this breach by it. */
function fullWords({ setting, system, timeline = [] }: Breach, claim: ClaimName): string {
  const scenario = scenarioOf(yamlOf({ ...system, ...(timeline.length > 0 ? { timeline } : {}) }));
  return SIDES.map((side) => permits(scenario, claim, side)).find((words) => words.includes(setting)) ?? '';
}

/** The listed setting that these words are, of several the one that says most; '' when none is. */
function listed(claim: ClaimName, words: string): string {
  const fitting = settingsOf(claim).filter((setting) => fits(setting.split('*'), words));
  return fitting.reduce((best: string, one) => (one.length > best.length ? one : best), '');
}

/** Whether the words are these parts with something between them. */
function fits([start = '', ...parts]: readonly string[], words: string): boolean {
  if (!words.startsWith(start)) return false;
  let rest = words.slice(start.length);
  for (const [index, part] of parts.entries()) {
    const at = index === parts.length - 1 ? (rest.endsWith(part) ? rest.length - part.length : -1) : rest.indexOf(part);
    if (at < 0) return false;
    rest = rest.slice(at + part.length);
  }
  return rest === '';
}

/** The processes of the brokers, by the names that they have in a scenario. */
function nodesOf({ broker, brokers }: Document): readonly string[] {
  if (typeof brokers === 'object' && brokers !== null) return Object.keys(brokers);
  if (typeof broker === 'string') return broker === 'direct' ? [] : [broker];
  const { kind, nodes, bookies } = broker as Document;
  if (kind !== 'kafka' && kind !== 'pulsar' && nodes === undefined) return [String(kind)];
  return [...numbered('b', Number(nodes ?? 1)), ...numbered('bookie-', Number(bookies ?? 0))];
}

function numbered(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => `${name}${i + 1}`);
}
