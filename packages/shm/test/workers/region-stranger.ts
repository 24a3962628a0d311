/** Another user's view of a region: `region-stranger <name>`; prints what it may do. */
import { Region } from '@ipc/shm';

const [name = ''] = process.argv.slice(2);

function codeOf(call: () => unknown): string {
  try {
    return String(call());
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
}

const trusting = { kind: 'test', authorize: () => true };
console.log(
  JSON.stringify({
    open: codeOf(() => Region.open(name, { kind: 'test' })),
    suspicious: codeOf(() => Region.open(name, { kind: 'test', authorize: ({ uid }) => uid === 4242 })),
    trusting: codeOf(() => {
      using region = Region.open(name, trusting);
      return (region.words[0] = 77);
    }),
    unlink: codeOf(() => Region.unlink(name, 'test')),
    list: Region.list().filter((region) => region.name === name).length,
  }),
);
