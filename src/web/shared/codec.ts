// Protobuf by tables: bytes <-> plain objects. Ids (bytes fields) are lower-case hexadecimal text, so
// that they work as keys; 64-bit numbers are doubles (places and milliseconds stay below 2^53).
// Unknown fields are skipped: what must keep them is stored as bytes.

/** Number, boolean, text, id as hexadecimal, raw bytes; or the schema of a nested message. */
type Kind = 'n' | 'b' | 't' | 'i' | 'r' | readonly Field[];
/** Number, name, kind, and `*` = repeated, `?` = member of a oneof (absent unless sent). */
type Field = readonly [number, string, Kind, string];

/** How a message of type `T` stands on the wire. */
export type Schema<T> = readonly Field[] & { readonly of?: T };

/** A message to encode: every field may be left out. */
export type Part<T> = T extends Uint8Array
  ? T
  : T extends (infer U)[]
    ? Part<U>[]
    : T extends object
      ? { [K in keyof T]?: Part<T[K]> | undefined }
      : T;

/** False where visitors' code is built: nothing there has a list of numbers. */
declare const __AGENT__: boolean;

const DEFAULTS: Record<string, unknown> = { n: 0, b: false, t: '', i: '', r: new Uint8Array() };

/** A schema in short: `[number]kind[*?]:name` per field; a number is left out when it follows the
 * one before; `nested` are the schemas of the fields of kind `m`, in order. */
export function message(fields: string, ...nested: Schema<unknown>[]): Schema<never> {
  let number = 0;
  return fields.split(' ').map((field): Field => {
    const [, at, kind, mode, name] = /(\d*)(\w)(.?):(.*)/.exec(field)!;
    number = Number(at) || number + 1;
    return [number, name!, kind === 'm' ? nested.shift()! : (kind as Kind), mode!];
  });
}

/** Lower-case hexadecimal of `bytes`. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte + 256).toString(16).slice(1);
  return text;
}

/** Bytes of hexadecimal `text`; two digits each. */
export function fromHex(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length / 2);
  return bytes.map((_, at) => parseInt(text.slice(at * 2, at * 2 + 2), 16));
}

/** The message in `bytes`. Throws RangeError when they are truncated or malformed. */
export function decode<T>(schema: Schema<T>, bytes: Uint8Array): T {
  const out: Record<string, unknown> = {};
  for (const [, name, kind, mode] of schema) {
    if (mode === '*') out[name] = [];
    else if (!mode && typeof kind === 'string') out[name] = DEFAULTS[kind];
  }
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1, byte = 128; byte > 127; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 63) throw new RangeError();
      byte = bytes[at++]!;
      value += (byte & 127) * scale;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const wire = tag % 8;
    const field = schema.find((item) => item[0] === (tag - wire) / 8);
    const length = wire === 0 || wire === 2 ? varint() : wire === 1 ? 8 : wire === 5 ? 4 : NaN;
    const start = at;
    if (wire) at += length;
    if (!(at <= bytes.length)) throw new RangeError();
    if (!field) continue;
    const [, name, kind, mode] = field;
    const list = mode === '*' ? (out[name] as unknown[]) : undefined;
    if (kind === 'n' || kind === 'b') {
      if (__AGENT__ && list) {
        if (wire === 0) list.push(length);
        const end = at;
        if (wire === 2) for (at = start; at < end;) list.push(varint());
      } else if (wire === 0) out[name] = kind === 'b' ? length > 0 : length;
    } else if (wire === 2) {
      const value = content(kind, bytes.subarray(start, at));
      if (list) list.push(value);
      else out[name] = value;
    }
  }
  return out as T;
}

function content(kind: Exclude<Kind, 'n' | 'b'>, bytes: Uint8Array): unknown {
  if (kind === 't') return new TextDecoder().decode(bytes);
  if (kind === 'i') return toHex(bytes);
  if (kind === 'r') return bytes.slice();
  return decode(kind, bytes);
}

/** The bytes of `value`; fields with their default value are left out, as proto3 does. Repeated
 * numbers are written one by one, which every reader takes. */
export function encode<T>(schema: Schema<T>, value: Part<T>): Uint8Array {
  const out: number[] = [];
  const varint = (number: number) => {
    for (; number > 127; number = Math.floor(number / 128)) out.push((number % 128) + 128);
    out.push(number);
  };
  const put = (number: number, kind: Kind, item: unknown) => {
    const scalar = kind === 'n' || kind === 'b';
    varint(number * 8 + (scalar ? 0 : 2));
    if (scalar) return varint(Number(item));
    const bytes =
      kind === 't'
        ? new TextEncoder().encode(item as string)
        : kind === 'i'
          ? fromHex(item as string)
          : kind === 'r'
            ? (item as Uint8Array)
            : encode(kind as Schema<unknown>, item as Part<unknown>);
    varint(bytes.length);
    for (const byte of bytes) out.push(byte);
  };
  for (const [number, name, kind, mode] of schema) {
    const item = (value as Record<string, unknown>)[name];
    if (item === undefined) continue;
    if (mode === '*') {
      for (const element of item as unknown[]) put(number, kind, element);
    } else if (
      mode === '?' ||
      (typeof kind !== 'string' ? item : ((item as string).length ?? item))
    ) {
      put(number, kind, item);
    }
  }
  return new Uint8Array(out);
}
