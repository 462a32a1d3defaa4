/** Valid scenarios that together use every key of the format, with the kinds of kinds.ts. */
export const VALID: readonly string[] = [
  `title: A poison message and its dead-letter queue
story: >
  One corrupt image crashes every worker that touches it.
broker: { kind: sqs }
seed: 7
duration: 3m
queues:
  photo-jobs: # the work
    VisibilityTimeout: 30s
    RedrivePolicy: { deadLetterTargetArn: photo-dlq, maxReceiveCount: 5 }
  photo-dlq: {}
producers:
  upload-service: { to: photo-jobs, rate: 5/s, key: user }
consumers:
  resizer:
    from: photo-jobs
    count: 3
    process: exponential 200ms
    settle: after-processing
    concurrency: 2
    prefetch: 5
    effect: { set: photos }
    on-failure: leave
    on-poison: crash
    fail: 2%
    crash: { probability: 5%, step: applied, restart: 5s }
    heartbeat: { every: 10s, by: 30s }
    dedup: { window: 10m, durable: true }
    WaitTimeSeconds: 5
stores:
  photos: { write: 5ms, concurrency: 10, capacity: 100/s, fail: 1%, floor: 0 }
timeline:
  - { at: 20s, poison: upload-service, messages: 1 }
  - { at: 60s, crash: resizer-2, restart: 10s }
claims: [at-least-once, poison-isolation]
expect:
  - deadLettered(photo-dlq) == 1
  - max(depth(photo-jobs)) < 50
`,
  `title: Everything that may go wrong
broker: sqs
duration: 3m
queues: { photo-jobs: { RedrivePolicy: { deadLetterTargetArn: photo-dlq } }, photo-dlq: {} }
producers:
  upload-service: { to: photo-jobs, rate: 5/s }
consumers:
  resizer: { from: photo-jobs, count: 3 }
timeline:
  - { when: applied, by: resizer, message: 7, nth: 2, crash: [resizer-1], disk: lost }
  - { at: 61s, restart: resizer-1 }
  - { at: 62s, pause: resizer-3, for: 40s }
  - { at: 63s, slow: resizer, factor: 5, for: 10s }
  - { at: 63s, skew: [resizer-1, sqs], factor: 0.5, for: 10s }
  - { at: 64s, stop: resizer-3, for: 5s }
  - { at: 65s, split: [[resizer, upload-service], [sqs]], heal: 10s, one-way: true }
  - { at: 66s, split: [resizer, sqs] }
  - { at: 67s, heal: true }
  - { at: 67s, isolate: sqs, heal: 2s }
  - { at: 68s, delay: all, from: resizer-2, to: sqs, both: true, by: 200ms, for: 5s }
  - { at: 68s, lose: [ack, delivery], from: resizer, to: sqs, message: 7, times: 2 }
  - { at: 69s, duplicate: request, probability: 50%, for: 10s }
  - { at: 70s, delay: all, by: 2s }
  - { when: delivered, of: resizer, delay: ack, by: 2s }
  - { at: 71s, fix: resizer }
  - { at: 72s, burst: upload-service, rate: 500/s, for: 10s }
  - { at: 80s, redrive: photo-dlq, to: photo-jobs, rate: 10/s }
  - { at: 90s, scale: resizer, count: 5 }
  - { at: 95s, set: { consumers.resizer.process: 2s } }
`,
  `title: A network with faults, and much to be said
broker: sqs
duration: 1m
queues: { photo-jobs: {} }
producers:
  upload-service:
    to: photo-jobs
    rate: poisson 4.5/s
    messages: 100
    start: 1s
    stop: 50s
    key: user
    attributes: { city: { nyc: 77, boise: 3 }, ride: unique, user: 40, kind: [photo, video] }
    routing: "order.{kind}"
    amount: 3
    size: 16KiB
    poison: 0.5%
    buffer: 100
    when-full: drop
    send:
      - { at: 1s, account: alice, amount: 100, times: 3, poison: true, vip: true }
consumers:
  resizer: { from: photo-jobs, effect: { increment: photos } }
network:
  latency: 1ms..5ms
  loss: { ack: 1%, request: 0.5% }
  duplicate: 1%
  reorder: 1%
  reorder-delay: 20ms
  bandwidth: 10MB/s
  links:
    - { from: upload-service, to: sqs, both: false, latency: 80ms, loss: 5%, bandwidth: 1MB/s }
claims:
  - key-order: user
  - { claim: exactly-once-effect, scope: photos, verdict: violated }
  - violated: at-most-once
  - { not-exercised: lock-exclusivity }
  - { allowed: zombie-overlap }
exercised: [crashed, lock-expired]
alerts:
  queue-too-deep: { when: "depth(photo-jobs) > 100", for: 10s }
autoscale:
  resizer: { on: "depth(photo-jobs)", target: 50, min: 1, max: 8, every: 10s, cooldown: 30s }
captions:
  - { at: 20s, text: Here comes the poison., question: Who gets it? }
  - { when: dead-lettered, text: It is out of the way. }
limits: { messages: 10000, facts: 100000 }
`,
  `title: Rides keyed by city
broker: { kind: kafka, nodes: 3 }
duration: 2h
topics:
  rides: { partitions: 6, replication.factor: 3, retention.ms: never, max.message.bytes: 1MB }
producers:
  dispatch: { to: [rides], rate: 300/min, key: city, acks: 1 }
consumers:
  billing: { from: rides, group: bills, count: 6, max.poll.records: 1, partition.assignment.strategy: [range, sticky], dedup: 10m }
network: ideal
timeline:
  - { at: 90m, seek: bills, to: { time: -1h } }
  - { at: 91m, seek: bills, to: earliest }
  - { at: 92m, seek: bills, to: { offset: 100 } }
  - { at: 93m, crash: b2, restart: 1m }
  - { at: 95m, fill: [b1, b2], for: 5m }
  - { at: 96m, free: b2 }
exercise:
  question: How many consumers have work?
  predict: Which one is idle?
  knobs:
    - { path: consumers.billing.count, label: Consumers, values: [6, 7] }
  goals:
    - { text: Each ride is billed, expect: claim at-least-once }
  hints: [Count the partitions.]
  solution: { consumers.billing.count: 6 }
  wrong:
    - { set: { consumers.billing.count: 7 }, because: One of them idles. }
  debrief: A partition has one reader in a group.
  hidden-seeds: 5
`,
  `title: An order for four services, and a direct call
brokers: { orders: rabbitmq, pay: { kind: direct } }
duration: 30s
exchanges:
  shop: { broker: orders, type: topic }
  audit: { broker: orders, type: fanout, bindings: [{ exchange: shop, key: "#" }] }
queues:
  invoices: { broker: orders, type: quorum, x-dead-letter-exchange: audit, bindings: [{ exchange: shop, key: order.created }] }
  parcels: { broker: orders, bindings: [{ exchange: shop, arguments: { x-match: any, region: eu } }] }
producers:
  checkout: { broker: orders, to: shop, rate: 5/s, routing: order.created }
  till: { broker: pay, to: card, rate: 1/s }
consumers:
  billing: { broker: orders, from: [invoices, parcels], prefetch: 10, effect: { insert: bills } }
  bank: { broker: pay, from: card, effect: { increment: accounts } }
`,
];
