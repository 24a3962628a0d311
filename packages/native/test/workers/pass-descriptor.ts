/** Connects to a seqpacket socket, passes the reading end of a pipe with something in it, and stays. */
import { connect, pipe, sendMessage, socket, write } from '@ipc/native';

const message = new TextEncoder().encode('from a child');
const fd = socket('seqpacket');
connect(fd, process.argv[2] ?? '');
const [reader, writer] = pipe();
write(writer, message, 0, message.length);
sendMessage(fd, message, 0, 1, [reader]);
console.log('sent');
setInterval(() => undefined, 1 << 30);
