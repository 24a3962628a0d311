import type { ChildProcess } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { LatestReader } from '@ipc/shm';
import type { Campaign } from '../campaign.ts';
import { keys, KillValues, valueBytes } from '../kill-values.ts';
import { whole, wholeNumber } from '../whole.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

const parties = 3;
/** Longer than any change takes that is not held up by the dead, on any machine. */
const patienceMs = 30_000;

/** C2 of what has no messages: values stay whole, what was counted stays counted, and the next writer goes on. */
export const valueKill: Campaign = {
  name: 'value-kill',
  what: `kill -9 of one of ${parties} processes that change a map, counters and a latest value; a fourth reads`,
  rounds: 1000,
  async run({ rounds, random }) {
    const name = campaignName('values');
    const values = new KillValues(name);
    const team: ChildProcess[] = [];
    const violations: string[] = [];
    let reads = 0;
    try {
      while (team.length < parties) team.push(await startWorker('value-party', name));
      using reader = LatestReader.open(name);
      let newest = 0;
      const look = (): void => {
        for (const key of keys) {
          const value = values.map.get(key);
          if (value !== undefined && wholeNumber(value) < 0) violations.push(`"${key}" has a torn value`);
          reads++;
        }
        const value = reader.read();
        const number = value === undefined ? 0 : wholeNumber(value);
        if (number < newest)
          violations.push(`value ${newest} was followed by ${number < 0 ? 'a torn one' : number}`);
        newest = Math.max(newest, number);
      };
      for (let round = 1; round <= rounds; round++) {
        const killMs = performance.now() + 1 + random() * 20;
        while (performance.now() < killMs) {
          look();
          await setTimeout(0);
        }
        const victim = Math.floor(random() * parties);
        await endWorker(team[victim] as ChildProcess);
        const before = { noted: values.noted, newest };
        if (values.counted.some((count) => count < before.noted))
          violations.push(`round ${round}: a change was lost`);
        team[victim] = await startWorker('value-party', name);
        const lateMs = performance.now() + patienceMs;
        while (values.noted === before.noted || newest === before.newest) {
          if (performance.now() > lateMs) throw new Error(`round ${round}: those who live are held up`);
          await setTimeout(0);
          look();
        }
      }
    } catch (error) {
      violations.push(String(error)); // what came after it would only say so again
    } finally {
      await Promise.all(team.map(endWorker));
    }
    for (const key of keys) values.map.set(key, whole(0, valueBytes)); // whoever comes next repairs
    const entries = [...values.map.entries()].map(({ key }) => key);
    const own = keys.length + 1; // and what counts
    if (entries.length !== own || new Set(entries).size !== own || values.map.size !== own)
      violations.push(`${own} entries, the map has ${entries.length} and counts ${values.map.size}`);
    const { noted, counted } = values;
    for (const count of counted)
      if (count < noted || count > noted + rounds + parties)
        violations.push(`${noted} changes were noted, ${count} counted`);
    const figure = `${rounds} kills, ${noted} changes, all counted; ${reads} reads, none torn or older than one before; ${values.map.repairs} repairs of the map`;
    values.close();
    return { figure, violations };
  },
};
