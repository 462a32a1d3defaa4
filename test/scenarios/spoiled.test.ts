/** What a story claims and expects hangs on its idea: take the idea away, and something that it says is no longer true. */
import { describe, expect, it } from 'vitest';
import { judge } from '../../sim/checks/index.ts';
import { claimsIn, evaluateAll } from '../../sim/scenario/expect.ts';
import { parseScenario } from '../../sim/scenario/parse.ts';
import { run } from '../../sim/world.ts';
import { libraryFiles } from './files.ts';

/** For each story the settings that take its idea away. */
const SPOILED: Readonly<Record<string, readonly string[]>> = {
  'delivery/ack-lost': ['timeline=[]'],
  'delivery/ack-lost-dedup': ['consumers.biller.dedup.window=1s'],
  'delivery/acked-one-by-one': ['consumers.scanner.cumulativeAck=true'],
  'delivery/acked-up-to-here': ['consumers.scanner.cumulativeAck=false'],
  'delivery/acked-at-pick-up': ['consumers.resizer.settle=after-processing'],
  'delivery/crash-after-effect-increment': ['consumers.counter.effect={ insert: post-counts }'],
  'delivery/crash-after-effect-set': ['consumers.updater.effect={ increment: profiles }'],
  'delivery/exactly-once-late-ack': ['queues.charging.enable_exactly_once_delivery=false'],
  'delivery/fast-clock': ['timeline.0.factor=1.2'],
  'delivery/five-minutes': ['timeline.1.restart=4min'],
  'delivery/pending-claimed': ['consumers.packer.min-idle-time=10min'],
  'delivery/slow-clock': ['consumers.converter.heartbeat.every=12s'],
  'delivery/telemetry-at-most-once': ['consumers.dashboard.settle=after-processing'],
  'delivery/visibility-too-short': ['queues.videos.VisibilityTimeout=30s'],
  'delivery/worker-crash': ['consumers.resizer.settle=before-processing'],
  'kafka-log/away-too-long': ['consumers.reporting.auto.offset.reset=earliest'],
  'kafka-log/broker-assigns': ['consumers.packer.group.protocol=classic'],
  'kafka-log/changelog': ['topics.addresses.cleanup.policy=delete'],
  'kafka-log/new-audit-group': ['consumers.audit.auto.offset.reset=latest'],
  'kafka-log/offline-for-an-hour': ['topics.orders.retention.ms=10min', 'topics.orders.segment.ms=1min'],
  'kafka-log/replay-after-bug': ['timeline.1.to={ time: -5min }'],
  'kafka-log/rebalance-cooperative': ['consumers.packer.partition.assignment.strategy=[sticky]'],
  'kafka-log/rebalance-eager': ['consumers.packer.partition.assignment.strategy=[cooperative-sticky]'],
  'kafka-log/rebalance-storm': ['consumers.renderer.max.poll.records=5'],
  'kafka-log/retention-overtakes': ['topics.readings.retention.ms=1h'],
  'kafka-log/rolling-restart': ['consumers.packer.session.timeout.ms=10s'],
  'kafka-log/transaction-border': ['consumers.billing.effect={ insert: ledger }'],
  'kafka-log/zombie-fenced': ['producers.stand-in.transactional.id=other'],
  'ordering/accounts-keyed': ['producers.bank-app.partitioner=round-robin'],
  'ordering/accounts-unkeyed': ['producers.bank-app.partitioner=default'],
  'ordering/best-effort-order': ['queues.mails.out-of-order=0'],
  'ordering/key-shared-join': ['consumers.packer.subscriptionType=Shared'],
  'ordering/parcel-comes-back': ['queues.tracking.enable_message_ordering=false'],
  'ordering/fifo-group-blocked': ['consumers.bookkeeper.on-failure=skip'],
  'ordering/partitions-added': ['producers.bank-app.metadata.max.age.ms=5m'],
  'ordering/retries-in-flight': ['producers.thermostat.enable.idempotence=true'],
  'ordering/rides-by-city': ['producers.driver-app.key=ride'],
  'ordering/rides-by-ride': ['producers.driver-app.key=city'],
  'ordering/two-clerks': ['queues.single.x-single-active-consumer=false'],
  'pipelines/circuit-breaker': ['consumers.charger.breaker.failures=1000'],
  'pipelines/dual-write': ['producers.checkout.publish=outbox'],
  'pipelines/one-invoice': ['consumers.in-one.transactionTimeout=1s'],
  'pipelines/order-services': ['consumers.stock-keeper.produces.routing=goods.taken'],
  'pipelines/outbox': ['producers.checkout.publish=after-effect'],
  'pipelines/retry-storm': ['consumers.charger.breaker={ failures: 3, open: 5s }'],
  'pipelines/saga': ['stores.rooms.floor=-10'],
  'pipelines/timelines': ['consumers.timeline-writer.effect={ increment: timelines }'],
  'pipelines/video-upload': ['consumers.transcoder.produces.publish=after-settling'],
  'pipelines/write-back-cache': ['consumers.flusher.settle=before-processing'],
  'poison/dlq-replay': ['timeline.1.at=70s'],
  'poison/nack-backoff': ['consumers.printer.deadLetterPolicy.maxRedeliverCount=1000'],
  'poison/share-group': ['consumers.shared.group.type=consumer'],
  'poison/quorum-requeue': ['queues.endless-orders.x-delivery-limit=1000'],
  'poison/with-dlq': ['queues.photo-jobs.RedrivePolicy.maxReceiveCount=1000'],
  'poison/without-dlq': ['consumers.resizer.on-poison=fail'],
  'replication/bookie-down': ['broker.bookies=3'],
  'replication/disk-full': ['timeline=[]'],
  'replication/leader-crash-acks-1': ['producers.till.acks=all'],
  'replication/leader-crash-acks-all': ['producers.till.acks=1'],
  'replication/lost-second': ['broker.appendfsync=always'],
  'replication/memory-or-disk': ['producers.chat-page.delivery_mode=2'],
  'replication/quorum-leader-crash': ['queues.tickets.x-queue-type=classic'],
  'replication/slow-follower': ['timeline.0.factor=1'],
  'replication/split-and-refuse': ['producers.till.acks=1'],
  'replication/unclean-election': ['topics.payments.unclean.leader.election.enable=false'],
  'replication/split-and-serve': ['producers.till.acks=all'],
  'routing/late-subscriber': ['timeline=[]'],
  'routing/late-subscription': ['timeline=[]'],
  'routing/one-of-ten-workers': ['consumers.packer.count=4'],
  'routing/order-fan-out': ['exchanges.orders.type=fanout'],
  'routing/sns-filter-slip': ['producers.app.send=[{ at: 9s, event: order_placed, total: 2500, country: fr }]'],
  'routing/sns-locked-door': ['timeline=[]'],
  'routing/stream-late-reader': ['consumers.researcher.x-stream-offset=next'],
  'scaling/burst': ['consumers.resizer.concurrency=3'],
  'scaling/disk-alarm': ['timeline=[]'],
  'scaling/email-provider': ['consumers.mail-sender.concurrency=10'],
  'scaling/outrun-autoscale': ['autoscale.worker.max=2'],
  'scaling/outrun-no-limit': ['consumers.worker.count=3'],
  'scaling/outrun-push-back': ['queues.jobs.x-overflow=drop-head'],
  'scaling/seven-on-six': ['topics.orders.partitions=7'],
  'scaling/short-polling': ['consumers.short-poller.WaitTimeSeconds=20s'],
  'scaling/slow-subscriber': ['consumers.report.process=20ms'],
  'which-broker/one-corrupt-photo': ['queues.photo-jobs.max-deliveries=500'],
  'why-queues/first-message': ['queues.orders.VisibilityTimeout=60s'],
  'why-queues/photo-queue': ['timeline=[]'],
  'why-queues/photo-sync': ['timeline=[]'],
};

const stories = libraryFiles().filter(({ lesson }) => lesson !== 'exercises');

describe.each(stories)('$path', ({ path, text }) => {
  it('no longer says what is true when its idea is taken away', () => {
    const sets = SPOILED[path.replace('scenarios/', '').replace('.yaml', '')] ?? [];
    expect(sets.length).toBeGreaterThan(0);
    const { scenario, diagnostics } = parseScenario(text, { file: path, sets });
    expect(diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    if (scenario === null) return;
    const { trace } = run(scenario);
    const verdicts = judge(trace, scenario);
    const texts = scenario.expect.map((one) => one.text);
    const outcomes = evaluateAll(texts, {
      trace,
      scenario,
      verdicts: [...verdicts, ...judge(trace, scenario, claimsIn(texts))],
    });
    const broken = [
      ...scenario.claims.filter(({ verdict }, i) => verdicts[i]?.verdict !== verdict).map(({ claim }) => claim),
      ...outcomes.filter(({ holds }) => !holds).map((one) => one.text),
    ];
    expect(broken).not.toEqual([]);
  });
});
