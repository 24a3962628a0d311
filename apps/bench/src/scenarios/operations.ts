import { nowNs } from '../clock.ts';
import {
  defineScenario,
  type CellRequest,
  type Figures,
  type Sample,
  type StructureScenario,
} from '../scenario.ts';
import type { Role, SharedStructure } from '../subject.ts';
import { perSecond } from './shape.ts';

/** One process uses a shared structure, and nobody disturbs it. */
export const operationsAlone: StructureScenario = defineScenario({
  kind: 'structure',
  id: 'operations-alone',
  question: 'How often can one process do that to a shared structure while nobody else touches it?',
  placements: ['cross-core'],
  floorScenario: () => 'operations-alone',
  combine,

  run(role: Role, structure: SharedStructure, request: CellRequest): Promise<Sample> {
    return Promise.resolve(role === 'leader' ? use(structure, request) : { total: 0 });
  },
});

/** The same while another one does its part in it: writes what is read, counts what is counted. */
export const operationsTogether: StructureScenario = defineScenario({
  kind: 'structure',
  id: 'operations-together',
  question: 'How often can one process do that while another one writes to the same place as fast as it can?',
  placements: ['cross-core'],
  warmedBy: 'operations-alone',
  inDepth: 'chosen',
  floorScenario: () => 'operations-together',
  combine,

  run(_role: Role, structure: SharedStructure, request: CellRequest): Promise<Sample> {
    return Promise.resolve(use(structure, request));
  },
});

const stride = 64;

/** Blocks the thread. Both begin before `startNs`, and end together. */
function use(structure: SharedStructure, { startNs, durationNs }: CellRequest): Sample {
  let total = 0;
  let timeNs: number;
  while ((timeNs = nowNs()) < startNs) {
    structure.operate(stride);
    total += stride;
  }
  const beginNs = timeNs;
  const warmUp = total;
  do {
    structure.operate(stride);
    total += stride;
  } while ((timeNs = nowNs()) < startNs + durationNs);
  return { count: total - warmUp, elapsedNs: timeNs - beginNs, total };
}

function combine(leader: Sample): Figures {
  return { operationsPerSecond: perSecond(leader) };
}
