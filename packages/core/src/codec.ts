/** Values as bytes. A codec has no state; `encode` may throw `TypeError` for values it cannot carry. */
import { deserialize, serialize } from 'node:v8';

export interface Codec<T> {
  encode(value: T): Uint8Array;
  /** May throw for malformed bytes; must not keep a reference to `bytes`, which may be borrowed. */
  decode(bytes: Uint8Array): T;
}

/** The bytes themselves. What `drain` hands out stays borrowed. */
export const bytes: Codec<Uint8Array> = { encode: (value) => value, decode: (value) => value };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text as UTF-8. Malformed input is an error, not a replacement character. */
export const utf8: Codec<string> = {
  encode: (text) => encoder.encode(text),
  decode: (value) => decoder.decode(value),
};

/** JSON. The type is a promise of the peer: validate what comes from one you do not trust. */
export function json<T>(): Codec<T> {
  return {
    encode(value) {
      const text = JSON.stringify(value) as string | undefined;
      if (text === undefined) throw new TypeError(`JSON has no form for ${typeof value}`);
      return encoder.encode(text);
    },
    decode: (value) => JSON.parse(decoder.decode(value)) as T,
  };
}

/**
 * The structured clone algorithm as `node:v8` serializes it: Map, Set, Date, BigInt, typed arrays, cycles.
 * Both ends must be Node or compatible; the format may change between major versions of V8 (it reads older ones).
 */
export function structuredClone<T>(): Codec<T> {
  return {
    encode: (value) => serialize(value),
    decode: (value) => deserialize(value) as T,
  };
}
