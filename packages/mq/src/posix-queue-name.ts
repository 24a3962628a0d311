import { objectNameOf } from '@ipc/core';

/**
 * The kernel's name of a queue: `/ipc-NAME.mq` for a name of this toolkit, and a name that starts with a
 * slash as it is, to meet programs in other languages.
 *
 * @throws {TypeError} Neither a name nor a slash and 1–254 bytes without slash and NUL.
 */
export function posixQueueName(name: string): string {
  if (typeof name !== 'string' || !name.startsWith('/')) return objectNameOf(name, 'mq');
  const bytes = Buffer.byteLength(name) - 1;
  if (bytes < 1 || bytes > 254 || /[/\0]/.test(name.slice(1)) || name === '/.' || name === '/..') {
    throw new TypeError(
      `invalid queue name ${JSON.stringify(name)}: a slash, then 1-254 bytes without slash and NUL`,
    );
  }
  return name;
}
