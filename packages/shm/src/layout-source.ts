/** A struct as source text for programs in other languages. */
import type { PlacedField } from './layout-fields.ts';

/** A C11 header that declares the struct and checks its offsets. @throws {TypeError} A name that C or Python reserves. */
export function toC(name: string, fields: readonly PlacedField[], bytes: number): string {
  checkNames(name, fields);
  const declare = ({ name: field, scalar, bytes: length, type }: PlacedField): string =>
    scalar === undefined
      ? `${type.startsWith('utf8') ? 'char' : 'uint8_t'} ${field}[${length}]`
      : `${scalar.c} ${field}`;
  return [
    '#pragma once',
    '#include <assert.h>',
    '#include <stddef.h>',
    '#include <stdint.h>',
    '',
    `struct ${name} {`,
    ...fields.map((field) => `  ${declare(field)};`),
    '};',
    ...fields.map(
      (field) =>
        `static_assert(offsetof(struct ${name}, ${field.name}) == ${field.offset}, "${field.name}");`,
    ),
    `static_assert(sizeof(struct ${name}) == ${bytes}, "${name}");`,
    '',
  ].join('\n');
}

/** A Python `ctypes.LittleEndianStructure`. @throws {TypeError} As `toC`. */
export function toPython(name: string, fields: readonly PlacedField[]): string {
  checkNames(name, fields);
  const type = ({ scalar, bytes, type: own }: PlacedField): string =>
    scalar === undefined
      ? `ctypes.${own.startsWith('utf8') ? 'c_char' : 'c_uint8'} * ${bytes}`
      : `ctypes.${scalar.python}`;
  return [
    'import ctypes',
    '',
    '',
    `class ${name}(ctypes.LittleEndianStructure):`,
    '    _fields_ = [',
    ...fields.map((field) => `        ("${field.name}", ${type(field)}),`),
    '    ]',
    '',
  ].join('\n');
}

/** Keywords of C11 and C++, and what the C library's macros and Python would take away. */
const reserved = new Set(
  (
    'alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl const constexpr continue ' +
    'decltype default delete do double dynamic_cast else enum explicit export extern false float for friend goto if inline ' +
    'int long mutable namespace new noexcept not not_eq nullptr operator or or_eq private protected public register ' +
    'reinterpret_cast restrict return short signed sizeof static static_assert static_cast struct switch template this ' +
    'thread_local throw true try typedef typeid typename union unsigned using virtual void volatile wchar_t while xor ' +
    'xor_eq False None True as assert async await def del elif except finally from global import in is lambda nonlocal ' +
    'pass raise with yield offsetof'
  ).split(' '),
);

function checkNames(struct: string, fields: readonly PlacedField[]): void {
  for (const name of [struct, ...fields.map((field) => field.name)]) {
    if (!/^[A-Za-z_]\w*$/.test(name) || reserved.has(name))
      throw new TypeError(`the name ${JSON.stringify(name)} is none in C or Python`);
  }
}
