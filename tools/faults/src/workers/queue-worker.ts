/** Takes jobs under lease, writes each to another queue, acknowledges, without end. */
import { SharedQueue } from '@ipc/mq';

const [jobsName = '', resultsName = ''] = process.argv.slice(2);
const jobs = SharedQueue.open(jobsName);
const results = SharedQueue.open(resultsName);
process.once('message', () => {
  void (async () => {
    for (;;) {
      const job = await jobs.receive({ leaseMs: 600_000 });
      await results.send(job.bytes);
      job.acknowledge();
    }
  })();
});
process.send?.('ready');
