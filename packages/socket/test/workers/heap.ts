/** Prints what messages through a unix channel leave on the heap. */
import { unix } from '@ipc/socket';
import { heapPerMessage } from '@ipc/testkit/heap';

const transport = unix();
const listener = await transport.listen(`heap-${process.pid}`);
const [far, near] = await Promise.all([listener.accept(), transport.connect(listener.name)]);
console.log(JSON.stringify(await heapPerMessage(near, far)));
await Promise.all([near.close(), far.close(), listener.close()]);
