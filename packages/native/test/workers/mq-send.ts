/** Sends one message of priority 3 to the queue named. */
import { constants } from 'node:fs';
import { mqOpen, mqSend } from '@ipc/native';

const message = new TextEncoder().encode('from a child');
const fd = mqOpen(process.argv[2] ?? '', constants.O_WRONLY, 0);
process.exitCode = mqSend(fd, message, 0, message.length, 3) ? 0 : 1;
