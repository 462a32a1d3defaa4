/** What a Redis server answers: its replies, its errors word by word, and the entries that it hands out. */
import { F, R } from '../facts.ts';
import type { HopKind, Out } from '../machine.ts';
import type { Handed } from '../parts/redis-stream.ts';
import type { ActorId, Message } from '../types.ts';
import type { AutoClaimReply, EntriesReply, ErrorReply, ReadReply, StreamsReply } from './redis-streams-verbs.ts';

/** Errors that name neither key nor group. */
export const ERRORS = {
  wrongType: 'WRONGTYPE Operation against a key holding the wrong kind of value',
  noKey: 'ERR no such key',
  zero: 'ERR The ID specified in XADD must be greater than 0-0',
  smaller: 'ERR The ID specified in XADD is equal or smaller than the target stream top item',
  exhausted: 'ERR The stream has exhausted the last possible ID, unable to add more items',
  needsKey:
    'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.',
  busy: 'BUSYGROUP Consumer Group name already exists',
  unblocked: 'UNBLOCKED the stream key no longer exists',
  destroyed: 'NOGROUP the consumer group this client was blocked on no longer exists',
  setIdTop: 'ERR The ID specified in XSETID is smaller than the target stream top item',
  setIdAdded: 'ERR The entries_added specified in XSETID is smaller than the target stream length',
  setIdBelow: 'ERR The ID specified in XSETID is smaller than current max_deleted_entry_id',
  setIdDeleted: 'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
} as const;

export function noGroup(key: string, group: string): string {
  return `NOGROUP No such key '${key}' or consumer group '${group}'`;
}

/** The same where the key is known to be there. */
export function noGroupOfKey(key: string, group: string): string {
  return `NOGROUP No such consumer group '${group}' for key name '${key}'`;
}

export function say(to: ActorId, hop: HopKind, reply: StreamsReply, out: Out, message?: Message): void {
  out.send(to, hop, reply, message?.id ?? 0);
}

export function sayOk(to: ActorId, token: number, out: Out): void {
  say(to, 'control', { type: 'ok', token }, out);
}

export function sayCount(to: ActorId, token: number, count: number, out: Out, message?: Message): void {
  say(to, 'control', { type: 'count', token, count }, out, message);
}

/** An error; with a message that the client wanted to have stored, the message is rejected. */
export function refuse(to: ActorId, token: number, text: string, out: Out, message?: Message): void {
  if (message !== undefined) out.fact(F.rejected, message.id, 0, to, 0, R['refused by the broker']);
  const reply: ErrorReply = { type: 'error', token, text };
  say(to, message === undefined ? 'control' : 'reply', reply, out, message);
}

/** Sends entries to a client: one hop that carries all of their messages. */
export function hand(
  to: ActorId,
  reply: ReadReply | EntriesReply | AutoClaimReply,
  handed: readonly Handed[],
  out: Out,
): void {
  const messages: number[] = [];
  let sizeBytes = 0;
  for (const { message } of handed) {
    if (message === null) continue;
    messages.push(message.id);
    sizeBytes += message.sizeBytes;
  }
  out.send(to, messages.length > 0 ? 'delivery' : 'control', { ...reply, sizeBytes } as StreamsReply, messages);
}
