/**
 * Reads Thrift's compact protocol, as far as a Parquet footer needs it.
 *
 * The bytes are a stranger's: every length is checked against what is left, nesting is bounded, and a whole number
 * beyond 2^53 reads as infinite, which no check that follows lets pass.
 */

/** What is wrong with the bytes, in words that follow "its footer ". */
export class ThriftError extends Error {}

/** The wire types of the protocol. */
const TRUE = 1;
const FALSE = 2;
const BYTE = 3;
const I16 = 4;
const I64 = 6;
const DOUBLE = 7;
const BINARY = 8;
const LIST = 9;
const SET = 10;
const MAP = 11;
const STRUCT = 12;

const NESTING_MAX = 32;

/** Whether a boolean field of this wire type is true: the type is the value. */
export const isTrue = (type: number): boolean => type === TRUE;

export class ThriftReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** How far the reader is, in bytes. */
  get position(): number {
    return this.#at;
  }

  /** Reads a struct: `field` gets each field's id and type, and reads its value or returns false to have it skipped. */
  struct(field: (id: number, type: number) => boolean, type = STRUCT): void {
    this.#expect(type, STRUCT);
    let id = 0;
    for (;;) {
      const head = this.#byte();
      if (head === 0) return;
      id = head >> 4 === 0 ? this.integer() : id + (head >> 4);
      const fieldType = head & 15;
      if (!field(id, fieldType)) this.#skip(fieldType, 0);
    }
  }

  /** Reads a list: calls `element` once for each. */
  list(type: number, element: (index: number) => void): void {
    this.#expect(type, LIST);
    const [length, elementType] = this.#listHead();
    this.#expect(elementType, STRUCT);
    for (let i = 0; i < length; i++) element(i);
  }

  /** Reads the value of a field that holds a whole number. */
  number(type: number): number {
    if (type < I16 || type > I64) throw new ThriftError('holds a field of a wrong type');
    return this.integer();
  }

  /** Reads the value of a field that holds text. */
  text(type: number): string {
    return this.binary(type).toString('utf8');
  }

  /** Reads the value of a field that holds bytes: a view of them. */
  binary(type: number): Buffer {
    this.#expect(type, BINARY);
    const length = this.#unsigned();
    const start = this.#at;
    this.#advance(length);
    return Buffer.from(this.#bytes.buffer, this.#bytes.byteOffset + start, length);
  }

  /** A signed whole number; infinite when a double cannot hold it. */
  integer(): number {
    const zigzag = this.#unsigned();
    if (zigzag > Number.MAX_SAFE_INTEGER) return Number.POSITIVE_INFINITY;
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  #unsigned(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 10; i++) {
      const byte = this.#byte();
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw new ThriftError('holds a number that never ends');
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new ThriftError('ends in the middle of a value');
    this.#at++;
    return byte;
  }

  #advance(count: number): void {
    if (count > this.#bytes.length - this.#at) throw new ThriftError('declares a value longer than itself');
    this.#at += count;
  }

  #expect(type: number, wanted: number): void {
    if (type !== wanted) throw new ThriftError('holds a field of a wrong type');
  }

  #listHead(): [length: number, type: number] {
    const head = this.#byte();
    const length = head >> 4 === 15 ? this.#unsigned() : head >> 4;
    // An element takes a byte at least, so a longer list is a lie that would only burn time.
    if (length > this.#bytes.length - this.#at) throw new ThriftError('declares a list longer than itself');
    return [length, head & 15];
  }

  #skip(type: number, depth: number): void {
    if (depth > NESTING_MAX) throw new ThriftError('is nested too deeply');
    if (type === TRUE || type === FALSE) return; // a field's type is its value
    if (type === BYTE) this.#advance(1);
    else if (type >= I16 && type <= I64) this.#unsigned();
    else if (type === DOUBLE) this.#advance(8);
    else if (type === BINARY) this.#advance(this.#unsigned());
    else if (type === LIST || type === SET) this.#skipElements(...this.#listHead(), depth);
    else if (type === MAP) this.#skipMap(depth);
    else if (type === STRUCT) this.#skipStruct(depth);
    else throw new ThriftError('holds a field of an unknown type');
  }

  #skipStruct(depth: number): void {
    for (;;) {
      const head = this.#byte();
      if (head === 0) return;
      if (head >> 4 === 0) this.#unsigned();
      this.#skip(head & 15, depth + 1);
    }
  }

  #skipElements(length: number, type: number, depth: number): void {
    // Inside a list a boolean takes a byte.
    if (type === TRUE || type === FALSE) this.#advance(length);
    else for (let i = 0; i < length; i++) this.#skip(type, depth + 1);
  }

  #skipMap(depth: number): void {
    const length = this.#unsigned();
    if (length === 0) return;
    if (length > this.#bytes.length - this.#at) throw new ThriftError('declares a map longer than itself');
    const types = this.#byte();
    for (let i = 0; i < length; i++) {
      this.#skipElements(1, types >> 4, depth);
      this.#skipElements(1, types & 15, depth);
    }
  }
}
