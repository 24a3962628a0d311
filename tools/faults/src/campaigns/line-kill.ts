import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import type { Campaign } from '../campaign.ts';
import { KillJournal } from '../kill-journal.ts';
import { killLines, type KillLine } from '../kill-lines.ts';
import { campaignName, endWorker, startWorker } from '../worker.ts';

/** Longer than anybody needs who is not held up by the dead, on any machine. */
const patienceMs = 30_000;
/** More messages than any line here has room for. */
const room = 64;

/** C2, C3 of what many send to, or receive from: one of them is killed while all are busy; nobody else loses anything, or waits for it. */
export const lineKills: readonly Campaign[] = Object.entries(killLines).map(killOf);

function killOf([campaign, line]: readonly [string, KillLine]): Campaign {
  const { senders, receivers, toAll } = line;
  return {
    name: campaign,
    what: `kill -9 of one of ${senders + receivers} processes, ${senders} send and ${receivers} receive${toAll ? ' everything' : ''}; another takes its place`,
    rounds: 1000,
    async run({ rounds, random }) {
      const name = campaignName(campaign);
      const journal = new KillJournal(name);
      const start = (party: number): Promise<ChildProcess> => {
        const [role, index] = party < senders ? ['sender', party] : ['receiver', party - senders];
        return startWorker('kill-party', campaign, name, role, String(index));
      };
      const parties: ChildProcess[] = [];
      while (parties.length < senders + receivers) parties.push(await start(parties.length));
      const violations: string[] = [];
      const total = { messages: 0, gone: 0 };

      const play = async (round: number): Promise<void> => {
        journal.clear();
        const done = parties.map((party) => once(party, 'message'));
        for (const party of parties) party.send({ round });
        await setTimeout(1 + random() * 20);
        const victim = Math.floor(random() * parties.length);
        await endWorker(parties[victim] as ChildProcess);
        const living = Array.from({ length: senders }, (_, sender) => sender).filter(
          (each) => each !== victim,
        );
        if (receivers > 1 || victim < senders) await goOn(journal, living);
        journal.end(round);
        await within(
          done.slice(0, senders).filter((_, sender) => sender !== victim),
          'a sender',
        );

        const before = journal.receivedBy(victim - senders);
        const next = (parties[victim] = await start(victim));
        if (victim >= senders) {
          done[victim] = once(next, 'message');
          next.send({ round });
        }
        const speaker = parties[0] as ChildProcess;
        const said = once(speaker, 'message');
        speaker.send({ last: toAll ? 1 : receivers });
        await within([said, ...done.slice(senders)], 'a receiver');
        if (toAll && journal.receivedBy(victim - senders) !== before)
          violations.push(`round ${round}: a new receiver got messages from before it came`);

        const { messages, gone, wrongs } = judge(line, journal, victim);
        total.messages += messages;
        total.gone += gone;
        violations.push(...wrongs.map((wrong) => `round ${round}: ${wrong}`));
      };

      try {
        for (let round = 1; round <= rounds; round++) await play(round);
      } catch (error) {
        violations.push(String(error)); // what came after it would only say so again
      } finally {
        await Promise.all(parties.map(endWorker));
        journal.close();
      }
      const gone = toAll ? '' : `, ${total.gone} gone with the receiver that had them`;
      return {
        figure: `${rounds} kills, ${total.messages} messages${gone}; else none lost, torn, doubled or out of order, and nobody was held up`,
        violations,
      };
    },
  };
}

async function within(all: readonly Promise<unknown>[], who: string): Promise<void> {
  const late = setTimeout(patienceMs, true, { ref: false });
  if ((await Promise.race([Promise.all(all), late])) === true)
    throw new Error(`${who} is held up for ${patienceMs} ms`);
}

/** Waits until each of these senders has sent more than there is room for: nobody waits for the dead. */
async function goOn(journal: KillJournal, senders: readonly number[]): Promise<void> {
  const goals = senders.map(
    (sender) => [sender, Math.min(journal.sent(sender) + room, KillJournal.limit)] as const,
  );
  const lateMs = performance.now() + patienceMs;
  while (goals.some(([sender, goal]) => journal.sent(sender) < goal)) {
    if (performance.now() > lateMs)
      throw new Error(`a sender is held up for ${patienceMs} ms by who was killed`);
    await setTimeout(1);
  }
}

/** Compares what was received with what was sent: of a killed sender one more may have been; with a killed receiver one may be gone. */
function judge(
  { senders, receivers, toAll, givesAgain }: KillLine,
  journal: KillJournal,
  victim: number,
): { readonly messages: number; readonly gone: number; readonly wrongs: readonly string[] } {
  const wrongs: string[] = [];
  const dead = victim - senders;
  let messages = 0;
  let missing = 0;
  for (let sender = 0; sender < senders; sender++) {
    const sent = journal.sent(sender);
    const most = sent + (sender === victim ? 1 : 0);
    messages += sent;
    const rows = Array.from({ length: receivers }, (_, receiver) => journal.received(receiver, sender));
    const living = toAll ? rows.filter((_, receiver) => receiver !== dead) : [sum(rows)];
    for (const row of rows)
      if (row.some((times, number) => times > 1 || (times > 0 && number >= most)))
        wrongs.push(`something of sender ${sender} came twice, or was never sent`);
    for (const row of living) {
      if (row.some((times) => times > 1)) wrongs.push(`something of sender ${sender} came to two`);
      missing += row.subarray(0, sent).filter((times) => times === 0).length;
      if (row[sent] !== living[0]?.[sent]) wrongs.push(`what sender ${sender} died at came to some only`);
    }
  }
  const mayBeGone = !toAll && dead >= 0 ? 1 : 0;
  if (missing > mayBeGone) wrongs.push(`${missing} are lost`);
  if (journal.torn > 0) wrongs.push(`${journal.torn} came torn`);
  if (journal.disorder > (givesAgain && dead >= 0 ? 1 : 0))
    wrongs.push(`${journal.disorder} came out of order`);
  return { messages, gone: Math.min(missing, mayBeGone), wrongs };
}

function sum(rows: readonly Int32Array[]): Int32Array {
  return rows.reduce((all, row) => all.map((times, number) => times + (row[number] ?? 0)));
}
