/** Offers numbered messages to a slow peer. */
import { offer } from '../offer.ts';
import { transportOf } from '../transports.ts';

const [kind = '', name = '', count = '0'] = process.argv.slice(2);
const channel = await transportOf(kind).connect(name);
await offer(channel, Number(count), () => channel.flush({ delivery: 'received' }));
await channel.close();
process.disconnect();
