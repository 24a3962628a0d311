/** Sweeps a path away again and again, as if whoever held it had died. */
import { claimAbandonedPath } from '@ipc/native';

const [path = '', times = ''] = process.argv.slice(2);
console.log('sweeping');
let swept = 0;
for (let n = 0; n < Number(times); n++) {
  const claim = claimAbandonedPath(path);
  if (claim !== undefined) swept++;
  claim?.release();
}
console.log(swept > 0 ? 'swept' : 'nothing to sweep');
