/** Systems in which longer searches found a fault, as small as they became, each with what went wrong: they keep all laws now. */
import { expect, it } from 'vitest';
import { brokenLaw, brokenRecord } from './laws.ts';

const FOUND: readonly { readonly fault: string; readonly yaml: string }[] = [
  {
    fault:
      'Redis counted an entry as stored anew that had been acked, was trimmed, and came back when the trimming was lost in a crash',
    yaml: `
title: A trimming that a crash undoes
broker: { kind: redis-streams, appendonly: yes }
seed: 0
duration: 300s
topics: { jobs: { MAXLEN: 8 } }
producers: { maker: { to: jobs, rate: 2/s, messages: 9, start: 5s, retries: 0 } }
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    min-idle-time: 3s
    claim-interval: 2s
    read-history: false
    prefetch: 1
network: { latency: 1ms..5ms }
timeline: [{ when: appended, nth: 9, of: redis-streams, crash: redis-streams, restart: 5s }]
`,
  },
  {
    fault: 'Redis said of an entry that it is given back, although that was lost in a crash, and then said so again',
    yaml: `
title: A return that a crash undoes
broker: { kind: redis-streams, appendonly: yes }
seed: 0
duration: 300s
topics: { jobs: {} }
producers: { maker: { to: jobs, count: 2, rate: 2/s, messages: 3, start: 5s } }
consumers:
  worker:
    from: jobs
    process: 1s
    effect: { insert: results }
    on-failure: requeue
    min-idle-time: 3s
    claim-interval: 2s
    prefetch: 1
network: { latency: 1ms..5ms }
timeline:
  - { at: 6s, poison: maker, messages: 1 }
  - { at: 45s, fix: worker }
  - { when: delivered, nth: 4, of: redis-streams, crash: redis-streams, restart: 100ms }
`,
  },
  {
    fault: 'a Kafka consumer did not ask again who leads when it had heard that nobody does',
    yaml: `
title: A partition without a leader for a while
broker: { kind: kafka, nodes: 3 }
seed: 0
duration: 300s
topics: { jobs: { partitions: 1, replication.factor: 1, min.insync.replicas: 1 } }
producers: { maker: { to: jobs, rate: 2/s, messages: 30, start: 5s } }
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    enable.auto.commit: false
    auto.offset.reset: earliest
    session.timeout.ms: 10s
network: { latency: 1ms..5ms }
timeline: [{ at: 7s, crash: b1, restart: 12s }]
`,
  },
  {
    fault:
      'a Kafka consumer whose transaction was refused went back without saying so, and the stage showed it with what it had dropped',
    yaml: `
title: A transaction from an older epoch
broker: { kind: kafka, nodes: 3, offsets.topic.num.partitions: 2, transaction.state.log.num.partitions: 2, transaction.state.log.min.isr: 2 }
seed: 0
duration: 300s
topics:
  jobs: { partitions: 1, replication.factor: 1, min.insync.replicas: 1 }
  done: { partitions: 1, replication.factor: 1, min.insync.replicas: 1 }
producers: { maker: { to: jobs, rate: 50/s, messages: 3, start: 5s, linger.ms: 200ms } }
consumers:
  worker:
    from: jobs
    count: 2
    process: 200ms
    effect: { insert: results }
    fail: 20%
    enable.auto.commit: false
    auto.offset.reset: earliest
    session.timeout.ms: 10s
    max.poll.interval.ms: 60s
    forward.to: done
    transaction.timeout.ms: 10s
    group.protocol: consumer
network: { latency: 20ms..80ms }
`,
  },
  {
    fault:
      'a Kafka coordinator that took over read from the log what had been committed with a transaction, and nobody ever said that it was',
    yaml: `
title: The end of a transaction whose coordinator dies
broker: { kind: kafka, nodes: 3, offsets.topic.num.partitions: 2, transaction.state.log.num.partitions: 2, transaction.state.log.min.isr: 2 }
seed: 0
duration: 300s
topics:
  jobs: { partitions: 2, replication.factor: 3, min.insync.replicas: 2 }
  done: { partitions: 1, replication.factor: 3, min.insync.replicas: 2 }
producers: { maker: { to: jobs, rate: 2/s, messages: 3, start: 5s } }
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    dedup: { window: 10m, durable: true }
    fail: 20%
    enable.auto.commit: false
    auto.offset.reset: latest
    max.poll.interval.ms: 60s
    partition.assignment.strategy: [range]
    forward.to: done
    transaction.timeout.ms: 10s
  reader:
    from: done
    effect: { insert: read }
    auto.offset.reset: earliest
    isolation.level: read_committed
    enable.auto.commit: false
    session.timeout.ms: 10s
network: { latency: 1ms..5ms }
timeline: [{ when: replicated, nth: 5, of: b1, crash: b1, restart: 5s }]
`,
  },
  {
    fault: 'a dead letter was taken to have left the dead-letter topic itself, where another copy of it stood already',
    yaml: `
title: Two copies, two dead letters
broker: { kind: pulsar, subscriptionKeySharedUseClassicPersistentImplementation: true }
seed: 0
duration: 300s
topics: { jobs: { subscriptions: [worker] } }
producers: { maker: { to: jobs, rate: 2/s, messages: 5, start: 5s, batchingEnabled: false } }
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    dedup: { window: 10m, durable: true }
    fail: 20%
    subscriptionType: Key_Shared
    negativeAckRedeliveryDelay: 1s
    deadLetterPolicy: { maxRedeliverCount: 1, initialSubscriptionName: graves }
network: { latency: 1ms..5ms }
timeline:
  - { at: 6s, poison: maker, messages: 1 }
  - { at: 45s, fix: worker }
  - { at: 900ms, split: [[b1], [maker, worker]], heal: 4700ms, one-way: true }
  - { at: 8200ms, crash: worker, restart: 100ms }
`,
  },
  {
    fault:
      'what a Kafka consumer was done with after it had left its group was taken for a part of its next transaction, since a static member comes back without a rebalance',
    yaml: `
title: Done too late, and a member again
broker: { kind: kafka, nodes: 3, replica.lag.time.max.ms: 10s, offsets.topic.num.partitions: 2, transaction.state.log.num.partitions: 2, transaction.state.log.min.isr: 2 }
seed: 103
duration: 120s
topics:
  jobs: { partitions: 3, replication.factor: 2, min.insync.replicas: 2, unclean.leader.election.enable: true }
  done: { partitions: 1, replication.factor: 2, min.insync.replicas: 2, unclean.leader.election.enable: true }
producers:
  maker: { to: jobs, rate: 2/s, messages: 19, start: 5s, transactional.id: shop, transaction.timeout.ms: 10s, request.timeout.ms: 2s, partitioner: round-robin }
consumers:
  worker:
    from: jobs
    process: 1s
    effect: { insert: results }
    fail: 20%
    enable.auto.commit: false
    auto.offset.reset: latest
    isolation.level: read_committed
    session.timeout.ms: 10s
    max.poll.interval.ms: 8s
    max.poll.records: 5
    group.instance.id: desk
    forward.to: done
    transaction.timeout.ms: 10s
  reader:
    from: done
    effect: { insert: read }
    auto.offset.reset: earliest
    isolation.level: read_committed
    enable.auto.commit: false
    session.timeout.ms: 10s
network: { latency: 10ms..300ms }
`,
  },
  {
    fault:
      'a Kafka coordinator that took over said again that a transaction is committed, which was taken for the next one',
    yaml: `
title: A decision that is told twice
broker: { kind: kafka, nodes: 3, replica.lag.time.max.ms: 10s, offsets.topic.num.partitions: 2, transaction.state.log.num.partitions: 2, transaction.state.log.min.isr: 2 }
seed: 167
duration: 60s
topics:
  jobs: { partitions: 1, replication.factor: 3, min.insync.replicas: 2 }
  done: { partitions: 1, replication.factor: 3, min.insync.replicas: 2 }
producers:
  maker: { to: jobs, rate: poisson 5/s, messages: 3, start: 5s, request.timeout.ms: 2s, partitioner: round-robin }
consumers:
  worker:
    from: jobs
    process: 10ms
    effect: { insert: results }
    enable.auto.commit: false
    auto.offset.reset: earliest
    session.timeout.ms: 10s
    max.poll.interval.ms: 60s
    forward.to: done
    transaction.timeout.ms: 10s
    group.protocol: consumer
  reader:
    from: done
    effect: { insert: read }
    auto.offset.reset: earliest
    isolation.level: read_committed
    enable.auto.commit: false
    session.timeout.ms: 10s
network: { latency: 1ms..5ms }
timeline: [{ when: appended, nth: 4, of: b1, crash: b1, restart: 5s }]
`,
  },
  {
    fault: 'two brokers of Pulsar that were told one after the other to take a topic over both served it',
    yaml: `
title: Two owners in a row
broker: { kind: pulsar, nodes: 3, metadataStoreSessionTimeoutMillis: 6s, bookies: 3, managedLedgerDefaultAckQuorum: 2, addEntryTimeout: 2s, messageExpiryCheckIntervalInMinutes: 10s }
seed: 0
duration: 60s
topics: { jobs: { subscriptions: [worker], messageTTL: 20s } }
producers:
  maker: { to: jobs, rate: 2/s, messages: 3, start: 5s, batchingEnabled: false, batchingMaxPublishDelay: 50ms, sendTimeout: 2s }
consumers:
  worker:
    from: jobs
    count: 2
    process: 200ms
    effect: { insert: results }
    fail: 20%
    crash: { probability: 10%, step: received, restart: 2s }
    subscriptionType: Shared
    acknowledgmentGroupTime: 0ms
    acknowledgmentAtBatchIndexLevelEnabled: true
    negativeAckRedeliveryDelay: 1s
network: { latency: 1ms..5ms }
timeline:
  - { at: 6s, poison: maker, messages: 1 }
  - { at: 45s, fix: worker }
  - { at: 15900ms, delay: control, times: 2, for: 20s, by: 6s }
`,
  },
  {
    fault:
      'a classic queue of a RabbitMQ cluster whose node died forgot that a consumer of another node had room again',
    yaml: `
title: Everything that a consumer had room for
broker: { kind: rabbitmq, nodes: 3, version: "4.2", heartbeat: 60s, flush: 0ms }
seed: 0
duration: 200s
exchanges: { work: { type: direct } }
queues: { jobs: { bindings: [{ exchange: work, key: job.new }] } }
producers:
  maker:
    to: work
    rate: 2/s
    messages: 4
    start: 5s
    routing: job.new
    confirms: true
    node: 1
    delivery_mode: 2
    retries: 0
    network_recovery_interval: 1s
    network_recovery_jitter: full
    retry_jitter: full
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    concurrency: 2
    on-failure: requeue
    prefetch: 2
    node: 2
    network_recovery_interval: 1s
    network_recovery_jitter: full
network: { latency: 10ms..300ms }
timeline: [{ when: appended, nth: 4, of: b1, crash: b1, restart: 5s }]
`,
  },
  {
    fault:
      'a Kafka node said nothing of a connection that broke while records with acks=0 waited behind a lost request',
    yaml: `
title: Nobody hears of them
broker: { kind: kafka, nodes: 1 }
seed: 0
duration: 30s
topics: { jobs: { partitions: 1, replication.factor: 1, min.insync.replicas: 1 } }
producers: { maker: { to: jobs, rate: 2/s, messages: 3, start: 5s, acks: 0, linger.ms: 0ms } }
consumers:
  worker: { from: jobs, process: 200ms, effect: { insert: results }, enable.auto.commit: false, auto.offset.reset: earliest }
network: { latency: 1ms..5ms }
timeline: [{ at: 0s, lose: request, times: 1, for: 20s }]
`,
  },
  {
    fault:
      'Pulsar forgot that a message of a batch was asked back while a transaction acked another one of it: it never came again',
    yaml: `
title: One message of a batch acked in a transaction, another given back
broker:
  kind: pulsar
  nodes: 2
  metadataStoreSessionTimeoutMillis: 6s
  transactionCoordinatorEnabled: true
  messageExpiryCheckIntervalInMinutes: 10s
seed: 0
duration: 300s
topics:
  jobs:
    subscriptions:
      - worker
    retentionTime: 60min
    retentionSizeInMB: -1
  done:
    subscriptions:
      - reader
producers:
  maker:
    to: jobs
    rate: 2/s
    messages: 3
    start: 5s
    batcherBuilder: KEY_BASED
    batchingMaxPublishDelay: 50ms
    enableTransaction: true
    transactionMessages: 3
    transactionTimeout: 10s
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: none
    fail: 20%
    subscriptionType: Shared
    receiverQueueSize: 1
    acknowledgmentAtBatchIndexLevelEnabled: true
    negativeAckRedeliveryBackoff:
      minDelay: 500ms
      maxDelay: 5s
    forward.to: done
    transactionTimeout: 10s
  reader:
    from: done
    effect:
      insert: read
network:
  latency: 10ms..300ms
timeline:
  - at: 0s
    pause: b1
    for: 6s
`,
  },
  {
    fault:
      'of more than 255 copies of a message, which Pulsar’s retry letters brought to one place, two in hand counted as one that was handed out too early',
    yaml: `
title: More retry letters of one message than a byte counts
broker:
  kind: pulsar
  brokerDeduplicationEnabled: true
  messageExpiryCheckIntervalInMinutes: 10s
seed: 0
duration: 300s
topics:
  jobs:
    subscriptions:
      - worker
    messageTTL: 20s
    retentionTime: 60min
    retentionSizeInMB: -1
producers:
  maker:
    to: jobs
    rate: 2/s
    messages: 3
    start: 5s
    batchingEnabled: false
consumers:
  worker:
    from: jobs
    process: 200ms
    effect:
      insert: results
    concurrency: 4
    dedup:
      window: 10m
      durable: true
    on-failure: reject
    subscriptionType: Shared
    negativeAckRedeliveryDelay: 1s
    enableRetry: true
    reconsumeLaterDelay: 2s
network:
  latency: 1ms..5ms
timeline:
  - at: 6s
    poison: maker
    messages: 1
  - at: 45s
    fix: worker
  - at: 5s
    lose: request
    probability: 30%
    for: 10s
`,
  },
  {
    fault:
      'a message that its publisher had sent twice, and that died twice of its limit towards two queues, counted as dead-lettered twice for one delivery too many',
    yaml: `
title: Two copies that die, each towards two queues
broker:
  kind: rabbitmq
  nodes: 3
  version: "4.0"
  heartbeat: 10s
  flush: 5ms
seed: 0
duration: 300s
exchanges:
  graves:
    type: fanout
queues:
  jobs:
    x-queue-type: quorum
    x-dead-letter-exchange: graves
    x-dead-letter-routing-key: failed
    x-delivery-limit: 2
    x-message-ttl: 5s
  failed:
    x-queue-type: quorum
    x-queue-leader-locator: balanced
    bindings:
      - exchange: graves
  file:
    bindings:
      - exchange: graves
producers:
  maker:
    to: jobs
    rate: 10/s
    messages: 17
    start: 5s
    confirms: true
    node: 1
    delivery_mode: 2
    retries: 5
    confirm_timeout: 1s
    network_recovery_interval: 1s
    network_recovery_jitter: full
    retry_jitter: full
consumers:
  worker:
    from: jobs
    count: 2
    process: 200ms
    effect:
      insert: results
    concurrency: 2
    on-failure: leave
    crash:
      probability: 10%
      step: begun
      restart: 2s
    prefetch: 10
    node: 1
    network_recovery_interval: 1s
    network_recovery_jitter: full
network:
  latency: 20ms..80ms
timeline:
  - at: 0s
    lose: request
    times: 1
    for: 20s
  - when: appended
    nth: 1
    pause: b2
    for: 1100ms
  - at: 10600ms
    isolate:
      - worker-1
      - worker-2
    heal: 5s
`,
  },
  {
    fault:
      'an original that came back to Pulsar after its dead letter, and was acked for that, counted as acked without what was made of it',
    yaml: `
title: An original that comes back, and whose dead letter is there already
broker:
  kind: pulsar
  nodes: 2
  metadataStoreSessionTimeoutMillis: 6s
  brokerDeduplicationEnabled: true
  subscriptionKeySharedUseClassicPersistentImplementation: true
  transactionCoordinatorEnabled: true
  messageExpiryCheckIntervalInMinutes: 10s
seed: 0
duration: 300s
topics:
  jobs:
    subscriptions:
      - worker
  done:
    subscriptions:
      - reader
producers:
  maker:
    to: jobs
    rate: 2/s
    messages: 3
    start: 5s
    batchingEnabled: false
    deliverAfter: 3s
consumers:
  worker:
    from: jobs
    process: 200ms
    effect:
      insert: results
    concurrency: 2
    on-failure: leave
    subscriptionType: Shared
    acknowledgmentGroupTime: 0ms
    ackReceiptEnabled: true
    negativeAckRedeliveryDelay: 1s
    deadLetterPolicy:
      maxRedeliverCount: 1
      initialSubscriptionName: graves
    forward.to: done
    transactionTimeout: 10s
  reader:
    from: done
    effect:
      insert: read
network:
  latency: 1ms..5ms
timeline:
  - when: appended
    nth: 4
    of: b1
    crash: b1
    restart: 100ms
  - at: 6600ms
    lose: request
    times: 2
    for: 20s
`,
  },
  {
    fault:
      'A cut-off owner of a Pulsar topic wrote down that a spare bookie held what it had never been able to send there, and the next owner did not ask who did',
    yaml: `
title: A copy that never came
broker:
  kind: pulsar
  nodes: 3
  metadataStoreSessionTimeoutMillis: 6s
  bookies: 4
  managedLedgerDefaultAckQuorum: 2
  addEntryTimeout: 2s
  transactionCoordinatorEnabled: true
seed: 0
duration: 300s
topics: { jobs: { subscriptions: [worker] }, done: { subscriptions: [reader] } }
producers:
  maker:
    to: jobs
    rate: 50/s
    messages: 7
    start: 5s
    batchingEnabled: false
    enableTransaction: true
    transactionMessages: 3
    transactionTimeout: 10s
consumers:
  worker:
    from: jobs
    count: 2
    process: 200ms
    effect: { insert: results }
    concurrency: 2
    subscriptionType: Shared
    forward.to: done
    transactionTimeout: 10s
  reader: { from: done, effect: { insert: read } }
network: { latency: 10ms..300ms }
timeline: [{ when: appended, nth: 7, isolate: b1, heal: 7s }]
`,
  },
  {
    fault:
      'What a stalled Kafka leader wrote and had to cut again counted for where a message stands, so that one offset seemed to be seen with two messages',
    yaml: `
title: A leader that stalled
broker:
  kind: kafka
  nodes: 3
  replica.lag.time.max.ms: 30s
  offsets.topic.num.partitions: 2
  transaction.state.log.num.partitions: 2
  transaction.state.log.min.isr: 2
seed: 0
duration: 300s
topics:
  jobs: { partitions: 1, replication.factor: 3, min.insync.replicas: 2 }
  done: { partitions: 1, replication.factor: 3, min.insync.replicas: 2 }
producers:
  maker: { to: jobs, rate: 2/s, messages: 3, start: 5s, acks: all, enable.idempotence: false, linger.ms: 0ms, partitioner: round-robin }
consumers:
  worker:
    from: jobs
    process: 200ms
    effect: { insert: results }
    dedup: { window: 10m, durable: true }
    crash: { probability: 10%, step: received, restart: 2s }
    enable.auto.commit: false
    auto.offset.reset: earliest
    max.poll.interval.ms: 8s
    partition.assignment.strategy: [range]
    forward.to: done
    transaction.timeout.ms: 10s
  reader:
    from: done
    effect: { insert: read }
    auto.offset.reset: earliest
    isolation.level: read_committed
    enable.auto.commit: false
    session.timeout.ms: 10s
    max.poll.interval.ms: 60s
network: { latency: 1ms..5ms }
timeline:
  - { at: 6s, poison: maker, messages: 1 }
  - { at: 45s, fix: worker }
  - { at: 45s, fix: reader }
  - { when: appended, nth: 1, of: b1, pause: b1, for: 32s }
`,
  },
  {
    fault:
      'Of a Pulsar message that was buried while a transaction that had written it on was still open, it was said that it would be made again',
    yaml: `
title: A dead letter of what is being written on
broker:
  kind: pulsar
  bookies: 3
  managedLedgerDefaultAckQuorum: 2
  addEntryTimeout: 2s
  brokerDeduplicationEnabled: true
  transactionCoordinatorEnabled: true
seed: 0
duration: 300s
topics:
  jobs:
    subscriptions:
      - worker
  done:
    subscriptions:
      - reader
producers:
  maker:
    to: jobs
    rate: 10/s
    messages: 3
    start: 5s
    batchingEnabled: false
    sendTimeout: 2s
consumers:
  worker:
    from: jobs
    process: 200ms
    effect:
      insert: results
    concurrency: 2
    fail: 20%
    subscriptionType: Shared
    receiverQueueSize: 1
    acknowledgmentAtBatchIndexLevelEnabled: true
    negativeAckRedeliveryBackoff:
      minDelay: 500ms
      maxDelay: 5s
    ackTimeout: 3s
    deadLetterPolicy:
      maxRedeliverCount: 1
      initialSubscriptionName: graves
    forward.to: done
    transactionTimeout: 10s
  reader:
    from: done
    effect:
      insert: read
network:
  latency: 10ms..300ms
timeline:
  - at: 6s
    poison: maker
    messages: 1
  - at: 45s
    fix: worker
  - at: 45s
    fix: reader
  - when: received
    nth: 1
    lose: effect-reply
    times: 3
    for: 20s
`,
  },
];

it.each(FOUND)('$fault: not any more', ({ yaml }) => {
  expect(brokenLaw(yaml) ?? brokenRecord(yaml)).toBeNull();
});
