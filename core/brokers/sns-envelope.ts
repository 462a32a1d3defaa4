/** The JSON that SNS wraps around a message for a subscriber without raw delivery (N3). In the simulation only its size counts. */
import type { MessageAttribute } from '../parts/filter-policy.ts';

/** About what the envelope adds to the body, most of it the signature and two addresses. */
export const ENVELOPE_BYTES = 950;

export interface Enveloped {
  readonly messageId: string;
  readonly topic: string;
  readonly subject: string | null;
  readonly body: string;
  readonly timestamp: string;
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  /** On FIFO topics; 0 otherwise. */
  readonly sequence: number;
}

/** A number as the service writes sequence numbers: twenty digits. */
function twentyDigits(sequence: number): string {
  return String(sequence).padStart(20, '0');
}

export function envelopeOf(message: Enveloped): Readonly<Record<string, unknown>> {
  const { subject, attributes, sequence } = message;
  return {
    Type: 'Notification',
    MessageId: message.messageId,
    ...(sequence > 0 && { SequenceNumber: twentyDigits(sequence) }),
    TopicArn: message.topic,
    ...(subject !== null && { Subject: subject }),
    Message: message.body,
    Timestamp: message.timestamp,
    SignatureVersion: '1',
    Signature: 'simulated',
    SigningCertURL: 'https://sns.example/certificate.pem',
    UnsubscribeURL: `https://sns.example/unsubscribe?topic=${message.topic}`,
    ...(Object.keys(attributes).length > 0 && { MessageAttributes: attributes }),
  };
}
