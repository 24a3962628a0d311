import type { Campaign } from './campaign.ts';
import { lockStress } from './campaigns/lock-stress.ts';
import { memoryFull } from './campaigns/memory-full.ts';
import { mutexFrozen } from './campaigns/mutex-frozen.ts';
import { mutexKill } from './campaigns/mutex-kill.ts';
import { openClose } from './campaigns/open-close.ts';
import { openRace } from './campaigns/open-race.ts';
import { ringConsumerKill, ringProducerKill } from './campaigns/ring-kill.ts';
import { wakeUp } from './campaigns/wake-up.ts';

export const campaigns: readonly Campaign[] = [
  mutexKill,
  mutexFrozen,
  lockStress,
  ringProducerKill,
  ringConsumerKill,
  openRace,
  memoryFull,
  wakeUp,
  openClose,
];
