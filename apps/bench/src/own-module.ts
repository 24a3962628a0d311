/** Modules of the user's own: whatever is wrong with one is said in a line that names it. */
import { fileURLToPath } from 'node:url';

/**
 * What such a module exports under a name.
 *
 * @throws {TypeError} There is no such module, it fails when it is loaded, or has no such export.
 */
export async function importOwn(url: string, name: 'subject' | 'scenario'): Promise<unknown> {
  let module: Partial<Record<string, unknown>>;
  try {
    module = (await import(url)) as typeof module;
  } catch (error) {
    throw new TypeError(`${pathOf(url)} cannot be loaded: ${reasonOf(pathOf(url), error)}`, { cause: error });
  }
  const { [name]: exported } = module;
  if (exported !== undefined) return exported;
  const define = name === 'subject' ? 'defineSubject' : 'defineScenario';
  throw new TypeError(`${pathOf(url)} exports no ${name} (see ${define})`);
}

/** As the user wrote it, or nearly. */
export function pathOf(url: string): string {
  return url.startsWith('file:') ? fileURLToPath(url) : url;
}

/** With the line of it, where the stack knows that. */
function reasonOf(path: string, error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const [message = ''] = error.message.split('\n');
  const [, line] = error.stack?.split(`${path}:`)[1]?.match(/^(\d+)/) ?? [];
  return `${error.name}: ${message}${line === undefined ? '' : `, in line ${line}`}`;
}

/** @throws {TypeError} It has not all of these methods. */
export function checkMethods(what: string, value: unknown, methods: readonly string[]): void {
  const found = (value ?? {}) as Partial<Record<string, unknown>>;
  const lacking = methods.filter((method) => typeof found[method] !== 'function');
  if (lacking.length > 0) throw new TypeError(`${what} has no method ${lacking.join(', ')}`);
}
