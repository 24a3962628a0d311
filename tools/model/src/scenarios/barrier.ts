/** The barrier: nobody goes on before all have arrived; a death breaks it for all, and for nobody else. */
import { party } from '../party.ts';
import type { Scenario } from '../scenario.ts';
import type { Edit } from '../source.ts';
import { Violation } from '../violation.ts';
import type { World } from '../world.ts';
import { areaBytes, lockSource } from './lock-source.ts';

export interface BarrierShape {
  readonly parties: number;
  readonly deaths: number;
  readonly mortals?: readonly number[];
}

interface BarrierRecord extends Record<string, unknown> {
  /** How many have come to the barrier. */
  readonly come: number;
  readonly dead: number;
}

/** @param edits - Changes of the source: none checks what is shipped. */
export function barrier({ parties, deaths, mortals }: BarrierShape, edits: readonly Edit[] = []): Scenario {
  const source = lockSource(edits);
  return {
    name: `barrier of ${parties}`,
    parties,
    memoryBytes: areaBytes(parties),
    deaths,
    ...(mortals === undefined ? {} : { mortals }),
    record: { come: 0, dead: 0 } satisfies BarrierRecord,
    program() {
      const { Barrier } = source.fresh('barrier.ts');
      const meeting = Barrier.in(source.region(parties), 0, { parties, participants: parties });
      party().begin();
      party().settle(meeting);
      party().step({ name: 'comes', reads: true, make: () => undefined });
      note(({ come }) => ({ come: come + 1 }));
      let isBroken = false;
      try {
        if (!meeting.waitSync()) throw new Violation('woken for nothing');
      } catch (error) {
        if ((error as { code?: unknown }).code !== 'ERR_IPC_PEER_GONE') throw error;
        isBroken = true;
      }
      note(({ come, dead }) => {
        if (!isBroken && come < parties) throw new Violation('somebody went on before all had come');
        if (isBroken && dead === 0) throw new Violation('it broke, and nobody had died');
        return {};
      });
    },
    died(world) {
      const record = world.record as BarrierRecord;
      world.record = { ...record, dead: record.dead + 1 };
    },
  };
}

function note(entry: (record: BarrierRecord) => Partial<BarrierRecord>): void {
  party().along((world: World) => {
    world.record = { ...world.record, ...entry(world.record as BarrierRecord) };
  });
}
