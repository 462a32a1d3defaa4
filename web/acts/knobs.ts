/** A setting that is changed from now on: those of a thing that can change while the scenario runs. */
import type { Section } from '../../sim/scenario/settings.ts';
import type { LineValue } from '../protocol.ts';
import { type Act, act } from './act.ts';
import { type Here, momentOf } from './here.ts';
import { type Choice, choice, text } from './params.ts';

/** One act for all settings of these things but the `vain` ones; none where nothing can change, or while they are not known yet. */
export function settingAct(
  here: Here,
  things: readonly (readonly [Section, string])[],
  vain: readonly string[] = [],
): readonly Act[] {
  const choices = things.flatMap(([section, name]) => changeable(here, section, name, things.length > 1, vain));
  const [first] = choices;
  if (first === undefined) return [];
  return [
    act(
      'set',
      'Set from now on',
      (values) => ({ ...momentOf(here), set: { [values['path'] ?? first.value]: lineValue(values['value'] ?? '') } }),
      { params: [choice('path', '', choices), text('value', 'to', first.fills ?? '')] },
    ),
  ];
}

function changeable(
  { settings, isNeutral }: Here,
  section: Section,
  name: string,
  named: boolean,
  vain: readonly string[],
): readonly Choice[] {
  const of = settings.find((one) => one.section === section && one.name === name);
  return (of?.settings ?? [])
    .filter(
      ({ name: setting, canChange, source }) => canChange && !(isNeutral && source !== '') && !vain.includes(setting),
    )
    .map((one) => ({
      value: `${section}.${name}.${one.name}`,
      label: named ? `${name}: ${one.name}` : one.name,
      fills: one.next,
    }));
}

/** As YAML reads what was written: a number, a truth, else text. */
function lineValue(written: string): LineValue {
  const trimmed = written.trim();
  if (/^-?\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed);
  return trimmed === 'true' || trimmed === 'false' ? trimmed === 'true' : trimmed;
}
