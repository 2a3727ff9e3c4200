// Protobuf by tables: bytes <-> plain objects. Ids (bytes fields) are lower-case hexadecimal text, so
// that they work as keys; 64-bit numbers are doubles (places and milliseconds stay below 2^53).
// Unknown fields are skipped: what must keep them is stored as bytes.

/** 0 number, 1 boolean, 2 text, 3 id as hexadecimal, 4 bytes; or the schema of a nested message. */
type Kind = 0 | 1 | 2 | 3 | 4 | readonly Field[];
/** Number, name, kind, and 1 = repeated, 2 = member of a oneof (absent unless sent). */
type Field = readonly [number, string, Kind, (1 | 2)?];

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

const DEFAULTS = [0, false, '', '', new Uint8Array()];

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
    if (mode === 1) out[name] = [];
    else if (!mode && typeof kind === 'number') out[name] = DEFAULTS[kind];
  }
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1, byte = 128; byte > 127; scale *= 128) {
      if (at >= bytes.length || scale > 2 ** 63) throw new RangeError('varint');
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
    if (!(at <= bytes.length)) throw new RangeError('length');
    if (!field) continue;
    const [, name, kind, mode] = field;
    const list = mode === 1 ? (out[name] as unknown[]) : undefined;
    if (kind === 0 || kind === 1) {
      if (wire === 2 && list) {
        const end = at;
        for (at = start; at < end; ) list.push(varint());
      } else if (wire === 0) {
        if (list) list.push(length);
        else out[name] = kind ? length > 0 : length;
      }
    } else if (wire === 2) {
      const value = content(kind, bytes.subarray(start, at));
      if (list) list.push(value);
      else out[name] = value;
    }
  }
  return out as T;
}

function content(kind: Exclude<Kind, 0 | 1>, bytes: Uint8Array): unknown {
  if (kind === 2) return new TextDecoder().decode(bytes);
  if (kind === 3) return toHex(bytes);
  if (kind === 4) return bytes.slice();
  return decode(kind, bytes);
}

/** The bytes of `value`; fields with their default value are left out, as proto3 does. */
export function encode<T>(schema: Schema<T>, value: Part<T>): Uint8Array {
  const out: number[] = [];
  const varint = (number: number, to = out) => {
    for (; number > 127; number = Math.floor(number / 128)) to.push((number % 128) + 128);
    to.push(number);
  };
  const put = (number: number, kind: Kind, item: unknown) => {
    const scalar = kind === 0 || kind === 1;
    varint(number * 8 + (scalar ? 0 : 2));
    if (scalar) return varint(Number(item));
    const bytes =
      kind === 2
        ? new TextEncoder().encode(item as string)
        : kind === 3
          ? fromHex(item as string)
          : kind === 4
            ? (item as Uint8Array)
            : encode(kind as Schema<unknown>, item as Part<unknown>);
    varint(bytes.length);
    for (const byte of bytes) out.push(byte);
  };
  for (const [number, name, kind, mode] of schema) {
    const item = (value as Record<string, unknown>)[name];
    if (item === undefined) continue;
    if (mode === 1) {
      const list = item as unknown[];
      if (kind === 0 && list.length) {
        const packed: number[] = [];
        for (const element of list) varint(element as number, packed);
        put(number, 4, packed);
      } else for (const element of list) put(number, kind, element);
    } else if (mode === 2 || (typeof kind !== 'number' ? item : (item as string).length ?? item)) {
      put(number, kind, item);
    }
  }
  return new Uint8Array(out);
}
