/** Lets a thread map and lose pages, and is then, without the addon itself, sent SIGBUS: `last-user-gone <file>`. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const [, , path] = process.argv;
const worker = new Worker(new URL('lost-pages.js', import.meta.url), { argv: ['pages', path] });
const [code] = (await once(worker, 'exit')) as [number];
if (code === 0) process.kill(process.pid, 'SIGBUS');
setInterval(() => undefined, 10_000);
