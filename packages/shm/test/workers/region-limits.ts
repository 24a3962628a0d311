/** Asks for more locked memory than there may be: `region-limits <bytes>`; prints the error. */
import { Region } from '@ipc/shm';

const [bytes = ''] = process.argv.slice(2);
try {
  Region.anonymous({ kind: 'test', bytes: Number(bytes), lock: true }).close();
  console.log(JSON.stringify({ code: 'none' }));
} catch (error) {
  const { code, message } = error as Error & { code?: string };
  console.log(JSON.stringify({ code, message }));
}
