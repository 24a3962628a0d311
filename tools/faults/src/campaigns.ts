import type { Campaign } from './campaign.ts';
import { bulk } from './campaigns/bulk.ts';
import { channelCycles } from './campaigns/channel-cycles.ts';
import { channelKill } from './campaigns/channel-kill.ts';
import { connections } from './campaigns/connections.ts';
import { crowd } from './campaigns/crowd.ts';
import { descriptorFlood } from './campaigns/descriptor-flood.ts';
import { exits } from './campaigns/exits.ts';
import { fewDescriptors } from './campaigns/few-descriptors.ts';
import { frameFuzz } from './campaigns/frame-fuzz.ts';
import { hostileMemory, scribbler } from './campaigns/hostile-memory.ts';
import { leftovers } from './campaigns/leftovers.ts';
import { lineKills } from './campaigns/line-kill.ts';
import { lockKill } from './campaigns/lock-kill.ts';
import { lockStress } from './campaigns/lock-stress.ts';
import { memoryFull } from './campaigns/memory-full.ts';
import { mutexFrozen, mutexFrozenLong, mutexFrozenMinute } from './campaigns/mutex-frozen.ts';
import { mutexKill } from './campaigns/mutex-kill.ts';
import { mutexStarved } from './campaigns/mutex-starved.ts';
import { openClose } from './campaigns/open-close.ts';
import { openRace } from './campaigns/open-race.ts';
import { partiesFrozen, partiesFrozenLong } from './campaigns/parties-frozen.ts';
import { pidReuse } from './campaigns/pid-reuse.ts';
import { queueDepth } from './campaigns/queue-depth.ts';
import { queueProducerKill, queueWorkerKill } from './campaigns/queue-kill.ts';
import { orders, queueMatrix } from './campaigns/order.ts';
import { regionCutShort } from './campaigns/region-cut-short.ts';
import { regionCycles } from './campaigns/region-cycles.ts';
import { ringConsumerKill, ringProducerKill } from './campaigns/ring-kill.ts';
import { signalStorm } from './campaigns/signal-storm.ts';
import { slowPeer } from './campaigns/slow-peer.ts';
import { strangers } from './campaigns/strangers.ts';
import { spillKill } from './campaigns/spill-kill.ts';
import { callKill, everyKill, instructionKill } from './campaigns/stepped-kill.ts';
import { slowQueue } from './campaigns/slow-queue.ts';
import { slowReceiver } from './campaigns/slow-receiver.ts';
import { unreapedKill } from './campaigns/unreaped-kill.ts';
import { valueKill } from './campaigns/value-kill.ts';
import { wakeUp } from './campaigns/wake-up.ts';

export const campaigns: readonly Campaign[] = [
  mutexKill,
  mutexFrozen,
  mutexFrozenLong,
  mutexFrozenMinute,
  mutexStarved,
  partiesFrozen,
  partiesFrozenLong,
  exits,
  signalStorm,
  lockKill,
  lockStress,
  ringProducerKill,
  ringConsumerKill,
  queueProducerKill,
  queueWorkerKill,
  queueDepth,
  spillKill,
  ...lineKills,
  valueKill,
  unreapedKill,
  ...orders,
  queueMatrix,
  pidReuse,
  instructionKill,
  everyKill,
  callKill,
  hostileMemory,
  scribbler,
  openRace,
  memoryFull,
  slowQueue,
  slowReceiver,
  wakeUp,
  leftovers,
  openClose,
  regionCutShort,
  regionCycles,
  channelKill,
  channelCycles,
  connections,
  fewDescriptors,
  crowd,
  bulk,
  frameFuzz,
  descriptorFlood,
  strangers,
  slowPeer,
];
