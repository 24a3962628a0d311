/** Changes a map, counts, and publishes a latest value while nobody else does, until it is killed: `value-party <name>`. */
import { setTimeout } from 'node:timers/promises';
import { isIpcError } from '@ipc/core';
import { LatestReader, LatestWriter } from '@ipc/shm';
import { keys, KillValues, valueBytes } from '../kill-values.ts';
import { whole, wholeNumber } from '../whole.ts';

/** So many changes between two looks at whether there is a writer of the latest value. */
const turn = 1024;
const [name = ''] = process.argv.slice(2);
const values = new KillValues(name);
const shape = { maxBytes: valueBytes, lifetime: 'while-open' } as const;

/** The writer's end, if nobody alive has it. */
function writerIfFree(): LatestWriter | undefined {
  try {
    return LatestWriter.open(name, shape);
  } catch (error) {
    if (isIpcError(error, 'ERR_IPC_EXISTS')) return undefined;
    throw error;
  }
}

let writer = writerIfFree();
const reader = LatestReader.open(name);
const latest = (): number => wholeNumber(reader.read() ?? whole(0, valueBytes));
process.send?.('ready');
for (let number = 0; process.connected; number++) {
  const key = keys[number % keys.length] ?? '';
  values.map.set(key, whole(number, valueBytes));
  if (number % 5 === 0) values.map.delete(key);
  values.count();
  writer?.publish(whole(1 + latest(), valueBytes));
  if (number % turn > 0) continue;
  writer ??= writerIfFree();
  await setTimeout(1); // the others, too, are to come by
}
