/** Opens one of everything and is killed meanwhile, or afterwards: `litterer <prefix>`. */
import { openNamedObjects } from '../named-objects.ts';

const [prefix = ''] = process.argv.slice(2);
process.once('message', () => {
  openNamedObjects(prefix, () => undefined).then(
    () => process.send?.('open'),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.('ready');
