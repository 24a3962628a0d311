import { isView } from './shared-memory.ts';

/** The state of some objects as text: equal for objects that behave the same. Functions and shared memory are left out. */
export function textOfState(roots: readonly unknown[]): string {
  const seen = new Map<object, number>();
  let text = '';
  const walk = (value: unknown): void => {
    if (typeof value === 'function' || typeof value === 'symbol') return;
    if (typeof value !== 'object' || value === null) {
      text += `${String(value)};`;
      return;
    }
    if (isView(value)) return;
    const known = seen.get(value);
    if (known !== undefined) {
      text += `^${known};`;
      return;
    }
    seen.set(value, seen.size);
    if (value instanceof DataView) walk(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    else if (ArrayBuffer.isView(value)) text += `<${(value as Uint8Array).join()}>`;
    else if (value instanceof Map || value instanceof Set) for (const entry of value) walk(entry);
    else {
      text += '{';
      for (const member of Object.values(value)) walk(member);
      text += '}';
    }
  };
  for (const root of roots) walk(root);
  return text;
}
