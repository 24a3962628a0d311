/** What the processes of a crew have measured of one cell. */
import type { Report } from './control.ts';
import type { Figures, Followers, Sample, Scenario } from './scenario.ts';

/** @throws {TypeError} One has told something else. */
export function samplesOf(reports: ReadonlyMap<number, Report>): [leader: Sample, ...followers: Followers] {
  const [leader, follower, ...others] = [...reports.values()]
    .sort((a, b) => a.index - b.index)
    .map((report) => {
      if (report.kind !== 'sample') throw new TypeError('a sample was expected');
      return report.sample;
    });
  if (leader === undefined || follower === undefined) throw new TypeError('a sample was expected');
  return [leader, follower, ...others];
}

/** A message is counted by all, but by those who receive it in the leader's total; an operation by who did it. */
export function consumption(
  kind: Scenario['kind'],
  leader: Sample,
  followers: Followers,
): Pick<Figures, 'cpuNsEach' | 'residentBytes'> {
  const all = [leader, ...followers];
  const sum = (figure: (sample: Sample) => number | undefined): number =>
    all.reduce((total, sample) => total + (figure(sample) ?? 0), 0);
  const done = kind === 'messages' ? leader.total : sum(({ total }) => total);
  return {
    ...(done === 0 ? {} : { cpuNsEach: sum(({ cpuNs }) => cpuNs) / done }),
    residentBytes: sum(({ residentBytes }) => residentBytes),
  };
}
