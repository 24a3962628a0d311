/** More would be no help to whoever reads them. */
const differencesMax = 8;

interface Field {
  readonly type: string;
  readonly offset: string;
}

/**
 * What is different between two layouts' texts, field by field, in words.
 *
 * @param found - Of the region; empty when it has no layout. @param expected - Of this program.
 * @returns At least one sentence.
 */
export function layoutDifference(found: string, expected: string): string[] {
  if (found === '') return ['it has no layout'];
  const there = fieldsOf(found);
  const here = fieldsOf(expected);
  const differences: string[] = [];
  for (const [name, { type, offset }] of there) {
    const wanted = here.get(name);
    if (wanted === undefined)
      differences.push(`has a field ${name} (${type} at ${offset}) that is not expected`);
    else if (type !== wanted.type && offset !== wanted.offset)
      differences.push(`${name} is ${type} at ${offset}, expected ${wanted.type} at ${wanted.offset}`);
    else if (type !== wanted.type) differences.push(`${name} is ${type}, expected ${wanted.type}`);
    else if (offset !== wanted.offset)
      differences.push(`${name} is at ${offset}, expected at ${wanted.offset}`);
  }
  for (const [name, { type, offset }] of here) {
    if (!there.has(name)) differences.push(`lacks the field ${name} (${type} at ${offset})`);
  }
  const [thereBytes, hereBytes] = [bytesOf(found), bytesOf(expected)];
  if (thereBytes !== hereBytes) differences.push(`a struct has ${thereBytes} bytes, expected ${hereBytes}`);
  if (differences.length === 0) differences.push('its layout is written otherwise');
  const more = differences.length - differencesMax;
  return more > 0 ? [...differences.slice(0, differencesMax), `and ${more} more`] : differences;
}

/** Whoever made the region wrote its text: what does not look like a field is no field. */
function fieldsOf(text: string): Map<string, Field> {
  const lines = text.matchAll(/^([A-Za-z_]\w*): ([a-z0-9[\]]+) @ (\d+)$/gm);
  return new Map([...lines].map(([, name = '', type = '', offset = '']) => [name, { type, offset }]));
}

function bytesOf(text: string): string {
  return /^size (\d+)$/m.exec(text)?.[1] ?? '?';
}
