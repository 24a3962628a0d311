import type { Check } from '../doctor.ts';

/** What is not fine, each with its effect and remedy; then in two lines what is, and what is not known. */
export function renderChecks(checks: readonly Check[]): string {
  const findings = checks.filter(({ isFine }) => !isFine);
  const fine = checks.filter(({ isFine, value }) => isFine && value !== null);
  const unknown = checks.filter(({ value }) => value === null);
  const named = fine.map(({ name, value }) => `${name} (${String(value)})`);
  return [
    ...findings.map(
      ({ name, value, effect, remedy }) =>
        `${name}: ${String(value)}\n  effect: ${effect}\n  remedy: ${remedy}\n`,
    ),
    ...(findings.length === 0 ? ['Nothing here disturbs a measurement.\n'] : []),
    ...(named.length > 0 ? [`Fine: ${named.join(', ')}.\n`] : []),
    ...(unknown.length > 0 ? [`Not told here: ${unknown.map(({ name }) => name).join(', ')}.\n`] : []),
  ].join('\n');
}
