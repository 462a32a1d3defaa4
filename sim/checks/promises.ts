/**
 * What the settings of brokers and clients promise. A promised claim must hold in every run, whatever fails; for the others the setting that
 * permits the breach is named, and that is what the verdict `allowed` says. A promise arises from several settings together, never from one switch.
 * Faults that no setting can bear (a disk that loses what it flushed) are outside of it.
 */
import { booleanOf, numberOf, textOf } from '../../core/options.ts';
import type { ConsumerSpec, ProducerSpec, Scenario } from '../scenario/types.ts';
import { CLAIMS, type ClaimName } from './names.ts';

/** The claims that this scenario's settings promise. */
export function promises(scenario: Scenario): readonly ClaimName[] {
  return CLAIMS.filter((claim) => permits(scenario, claim) === '');
}

/** The setting that permits a breach of the claim, in words; '' when the settings promise the claim. */
export function permits(scenario: Scenario, claim: ClaimName): string {
  switch (claim) {
    case 'no-fabrication':
    case 'conservation':
    case 'replay-fidelity':
    case 'lock-exclusivity':
    case 'no-early-redelivery':
    case 'delivery-bound':
    case 'partition-order':
    case 'single-owner':
    case 'commit-monotonic':
    case 'single-leader':
    case 'aborted-read':
    case 'precommitted-read':
      return '';
    case 'at-least-once':
      return firstOf(storageRisk(scenario), each(consumersOf(scenario), lossRisk), consumerLeaks(scenario));
    case 'confirmed-durable':
    case 'committed-survives':
    case 'lost-write':
    case 'inconsistent-offsets':
      return storageRisk(scenario);
    case 'at-most-once':
      return firstOf(
        each(producersOf(scenario), (producer) => resendRisk(scenario, producer)),
        each(consumersOf(scenario), (consumer) => redeliveryRisk(scenario, consumer)),
      );
    case 'exactly-once-effect':
      return firstOf(
        permits(scenario, 'at-least-once'),
        each(consumersOf(scenario), (consumer) => doubleEffectRisk(scenario, consumer)),
      );
    default:
      return 'nothing in the settings that promises it';
  }
}

function firstOf(...risks: readonly string[]): string {
  return risks.find((risk) => risk !== '') ?? '';
}

function each<T>(things: readonly T[], risk: (thing: T) => string): string {
  for (const thing of things) {
    const found = risk(thing);
    if (found !== '') return found;
  }
  return '';
}

function producersOf(scenario: Scenario): readonly ProducerSpec[] {
  return Object.values(scenario.producers);
}

function consumersOf(scenario: Scenario): readonly ConsumerSpec[] {
  return Object.values(scenario.consumers);
}

export function kindOf(scenario: Scenario, broker: string): string {
  return scenario.brokers[broker]?.kind ?? '';
}

function lossRisk(consumer: ConsumerSpec): string {
  if (consumer.settle !== 'after-processing') return `settle: ${consumer.settle}`;
  if (consumer.onFailure === 'skip') return 'on-failure: skip';
  return '';
}

/** What the broker itself may lose although it confirmed. */
function storageRisk(_scenario: Scenario): string {
  return '';
}

function consumerLeaks(_scenario: Scenario): string {
  return '';
}

function resendRisk(scenario: Scenario, producer: ProducerSpec): string {
  const kind = kindOf(scenario, producer.broker);
  if (kind === 'direct') return '';
  const retries = numberOf(producer.options, 'retries', 0);
  return retries === 0 || booleanOf(producer.options, 'enable.idempotence') ? '' : 'retries of the producer';
}

function redeliveryRisk(scenario: Scenario, consumer: ConsumerSpec): string {
  return consumer.settle === 'after-processing'
    ? `settle: after-processing (${kindOf(scenario, consumer.broker)})`
    : '';
}

function doubleEffectRisk(scenario: Scenario, consumer: ConsumerSpec): string {
  void textOf;
  if (consumer.effect.type === 'insert') return '';
  if (consumer.dedup?.durable === true && consumer.effect.type !== 'none') return '';
  return `effect: ${consumer.effect.type} under ${kindOf(scenario, consumer.broker)}'s redelivery`;
}
