/**
 * What can be done to a thing at a moment: each act is a line of the scenario's timeline, with what can be chosen about it, or says why it cannot be done now. One pure table: nothing here
 * runs anything or knows a menu. No line is offered that the parser would refuse.
 */
import type { Thing } from '../stage/thing.ts';
import type { ActsOfThing } from './act.ts';
import { actorActs } from './actor-acts.ts';
import type { Here } from './here.ts';
import { linkActs } from './link-acts.ts';
import { messageActs } from './message-acts.ts';
import { placeActs } from './place-acts.ts';

/** Empty for a thing that the run does not have. */
export function actsOf(here: Here, thing: Thing): ActsOfThing {
  const found = find(here, thing);
  const isOver = Math.floor(here.timeUs) >= here.scenario.durationUs;
  if (!isOver) return found;
  return { ...found, acts: found.acts.map((act) => ({ ...act, refusal: 'the run ends here' })) };
}

function find(here: Here, thing: Thing): ActsOfThing {
  switch (thing.type) {
    case 'actor':
      return actorActs(here, thing.id);
    case 'place':
      return placeActs(here, thing.id);
    case 'link':
      return linkActs(here, thing.from, thing.to);
    case 'message':
      return messageActs(here, thing.id, thing.hop);
    default:
      return thing satisfies never;
  }
}
