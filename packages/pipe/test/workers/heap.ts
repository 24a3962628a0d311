/** Prints what messages through a channel of two pipes leave on the heap. */
import { anonymous } from '@ipc/pipe';
import { heapPerMessage } from '@ipc/testkit/heap';

const transport = anonymous();
const listener = await transport.listen('heap');
const [far, near] = await Promise.all([listener.accept(), transport.connect('heap')]);
console.log(JSON.stringify(await heapPerMessage(near, far)));
await Promise.all([near.close(), far.close(), listener.close()]);
