/** Which mechanism suits a need, by what each can do and what it was measured to do on this machine. */
import type { BenchReport, Result } from './result.ts';

export interface Need {
  readonly messageBytes: number;
  /** Messages per second it has to carry. */
  readonly rate?: number;
  /** Receivers of one sender's messages. */
  readonly receivers: number;
  /** The two may be on different machines. */
  readonly remote: boolean;
  /** Messages outlive the processes. */
  readonly durable: boolean;
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
  readonly receivers?: 'many';
}

const abilities: ReadonlyMap<string, Ability> = new Map<string, Ability>([
  ['shm.ring', {}],
  ['pipe.anonymous', {}],
  ['pipe.fifo', {}],
  ['mq.posix', { durable: true, receivers: 'many' }],
  ['mq.sysv', { durable: true, receivers: 'many' }],
  ['mq.shared', { receivers: 'many' }],
  ['socket.unix', { receivers: 'many' }],
  ['socket.seqpacket', { receivers: 'many' }],
  ['socket.datagram', { receivers: 'many' }],
  ['socket.tcp', { remote: true, receivers: 'many' }],
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

function judge(subject: string, ability: Ability, results: readonly Result[], need: Need): Candidate {
  const own = results.filter((result) => result.subject === subject && result.placement === 'cross-core');
  const rate = atSize(own, 'throughput', need.messageBytes);
  const figures = {
    subject,
    p50Ns: atSize(own, 'round-trip', need.messageBytes)?.latencyNs?.p50,
    messagesPerSecond: rate?.messagesPerSecond,
    cpuSecondsPerMillion: rate?.cpuSecondsPerMillion,
  };
  return { ...figures, against: objection(ability, figures.messagesPerSecond, need) };
}

function objection(ability: Ability, messagesPerSecond: number | undefined, need: Need): string | undefined {
  if (need.remote && ability.remote !== true) return 'stays on one machine';
  if (need.durable && ability.durable !== true) return 'its messages end with its processes';
  if (need.receivers > 1 && ability.receivers !== 'many') return 'joins two processes only';
  if (messagesPerSecond === undefined) return 'was not measured with messages of this size';
  if (need.rate !== undefined && messagesPerSecond < 2 * need.rate) return 'carries less than twice the rate';
  return undefined;
}

/** The measured size that is nearest, but no smaller. */
function atSize(results: readonly Result[], scenario: string, messageBytes: number): Result | undefined {
  return results
    .filter((result) => result.scenario === scenario && result.messageBytes >= messageBytes)
    .sort((a, b) => a.messageBytes - b.messageBytes)[0];
}

function rank({ p50Ns, messagesPerSecond, cpuSecondsPerMillion }: Candidate, { prefer }: Need): number {
  if (prefer === 'latency') return p50Ns ?? Infinity;
  if (prefer === 'cpu') return cpuSecondsPerMillion ?? Infinity;
  return messagesPerSecond === undefined ? Infinity : -messagesPerSecond;
}
