/** Which mechanism suits a need, by what each can do and what it was measured to do on this machine. */
import type { BenchReport, Result } from './result.ts';

export interface Need {
  readonly messageBytes: number;
  /** Messages per second it has to carry. */
  readonly rate?: number;
  /** Receivers of one sender's messages. */
  readonly receivers: number;
  /** Each message goes to one of them, whoever comes first; else every one gets all. */
  readonly shared: boolean;
  /** The two may be on different machines. */
  readonly remote: boolean;
  /** Messages outlive the processes. */
  readonly durable: boolean;
  /** Each sender's messages in their order; or, of several senders, in one order for all receivers; or urgent ones first. */
  readonly ordering: 'sender' | 'total' | 'priority';
  readonly prefer: 'latency' | 'throughput' | 'cpu';
}

export interface Candidate {
  readonly subject: string;
  readonly p50Ns: number | undefined;
  readonly messagesPerSecond: number | undefined;
  readonly cpuSecondsPerMillion: number | undefined;
  /** Why it does not suit; without, it does. */
  readonly against: string | undefined;
}

/** What a mechanism can do beside being fast. All keep the order of one sender's messages. */
interface Ability {
  readonly remote?: boolean;
  readonly durable?: boolean;
  readonly priorities?: boolean;
  /** Whether one sender's message can reach several: by a line to each, or by one for all. */
  readonly receivers?: 'by line' | 'at once';
  /** Several receivers can take from it, each message one of them. */
  readonly shares?: boolean;
  /** It is for several receivers, and has nothing to say to one that answers. */
  readonly oneWay?: boolean;
}

const queue: Ability = { durable: true, priorities: true, shares: true };

const abilities: ReadonlyMap<string, Ability> = new Map<string, Ability>([
  ['shm.ring', { receivers: 'by line' }],
  ['shm.broadcast', { receivers: 'at once', oneWay: true }],
  ['shm.queue', { shares: true, oneWay: true }],
  ['pipe.anonymous', {}],
  ['pipe.fifo', {}],
  ['mq.posix', {}],
  ['mq.posix-queue', queue],
  ['mq.sysv', queue],
  ['mq.shared', queue],
  ['mq.shared-leased', queue],
  ['socket.unix', { receivers: 'by line' }],
  ['socket.seqpacket', { receivers: 'by line' }],
  ['socket.datagram', { receivers: 'by line' }],
  ['socket.tcp', { remote: true, receivers: 'by line' }],
]);

/** Best first; those that do not suit come last, each with its reason. Only measured mechanisms are ranked. */
export function choose({ results }: BenchReport, need: Need): Candidate[] {
  const candidates = [...abilities]
    .filter(([subject]) => results.some((result) => result.subject === subject))
    .map(([subject, ability]) => judge(subject, ability, results, need));
  return candidates.sort(
    (a, b) =>
      Number(a.against !== undefined) - Number(b.against !== undefined) || rank(a, need) - rank(b, need),
  );
}

/** What could be chosen as well, had it been measured. */
export function unmeasured({ results }: BenchReport): string[] {
  return [...abilities.keys()].filter((id) => !results.some(({ subject }) => subject === id));
}

function judge(subject: string, ability: Ability, results: readonly Result[], need: Need): Candidate {
  const own = results.filter((result) => result.subject === subject);
  const paired = pairsOf(own);
  const rate = need.receivers > 1 ? crowded(own, need) : atSize(paired, 'throughput', need.messageBytes);
  const figures = {
    subject,
    p50Ns: atSize(paired, 'round-trip', need.messageBytes)?.latencyNs?.p50,
    messagesPerSecond: rate?.messagesPerSecond,
    cpuSecondsPerMillion: rate?.cpuSecondsPerMillion,
  };
  return { ...figures, against: objection(ability, figures.messagesPerSecond, need) };
}

/** The rate at which several receivers got all, or shared them: as measured with so many, or with the next number of them. */
function crowded(own: readonly Result[], { receivers, messageBytes, shared }: Need): Result | undefined {
  const asked = shared ? 'work-sharing' : 'fan-out';
  const measured = own
    .filter(({ scenario }) => scenario === asked)
    .sort((a, b) => (a.followers ?? 1) - (b.followers ?? 1));
  const suitable = measured.filter(({ followers = 1 }) => followers >= receivers);
  const rate = atSize(suitable.length > 0 ? suitable : measured.slice(-1), asked, messageBytes);
  if (rate !== undefined || shared) return rate;
  // A line to each, not measured together: each message is sent so many times.
  const line = atSize(pairsOf(own), 'throughput', messageBytes);
  if (line?.messagesPerSecond === undefined) return line;
  const { cpuSecondsPerMillion: cpu } = line;
  return {
    ...line,
    messagesPerSecond: line.messagesPerSecond / receivers,
    ...(cpu === undefined ? {} : { cpuSecondsPerMillion: cpu * receivers }),
  };
}

function objection(ability: Ability, messagesPerSecond: number | undefined, need: Need): string | undefined {
  const { durable, ordering, rate, receivers, remote, shared } = need;
  if (remote && ability.remote !== true) return 'stays on one machine';
  if (durable && ability.durable !== true) return 'its messages end with its processes';
  if (ordering === 'priority' && ability.priorities !== true) return 'knows no priorities';
  if (receivers === 1 && ability.oneWay === true) return 'is for several receivers';
  if (receivers > 1 && shared && ability.shares !== true) return 'its receivers cannot share';
  if (receivers > 1 && !shared && ability.receivers === undefined)
    return 'gives each message to one receiver';
  if (receivers > 1 && ordering === 'total' && !shared && ability.receivers === 'by line')
    return 'several senders have an order for each receiver';
  if (messagesPerSecond === undefined) return 'was not measured with messages of this size';
  if (rate !== undefined && messagesPerSecond < 2 * rate) return 'carries less than twice the rate';
  return undefined;
}

/** Across cores, where the machine has two. */
function pairsOf(own: readonly Result[]): readonly Result[] {
  const across = own.filter(({ placement }) => placement === 'cross-core');
  return across.length > 0 ? across : own.filter(({ placement }) => placement === 'same-core');
}

/** The measured size that is nearest, but no smaller. */
function atSize(results: readonly Result[], scenario: string, messageBytes: number): Result | undefined {
  return results
    .filter((result) => result.scenario === scenario && result.messageBytes >= messageBytes)
    .sort((a, b) => a.messageBytes - b.messageBytes)[0];
}

function rank({ p50Ns, messagesPerSecond, cpuSecondsPerMillion }: Candidate, { prefer }: Need): number {
  // What is only sent has no answer to wait for: by its rate then, behind those that were timed.
  if (prefer === 'latency') return p50Ns ?? 1e12 - (messagesPerSecond ?? 0);
  if (prefer === 'cpu') return cpuSecondsPerMillion ?? Infinity;
  return messagesPerSecond === undefined ? Infinity : -messagesPerSecond;
}
