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

/** Parquet's physical types of numbers. */
export const INT32_PHYSICAL = 1;
export const INT64_PHYSICAL = 2;
export const FLOAT_PHYSICAL = 4;
export const DOUBLE_PHYSICAL = 5;

/**
 * A reader goes from field to field: `begin` enters a struct and `next` tells its next field, whose value is then read or
 * skipped, until there is none and the reader is in the struct around it. It calls nobody back: a footer is read once, by
 * code that is not compiled yet.
 */
export class ThriftReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;
  /** Ids of the last fields of the structs around the one at hand. */
  readonly #around: number[] = [];
  #id = 0;
  #type = STRUCT;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** How far the reader is, in bytes. */
  get position(): number {
    return this.#at;
  }

  /** The field at hand. */
  get id(): number {
    return this.#id;
  }

  /** Begins the struct that is the value of the field at hand, or the whole. */
  begin(): void {
    this.#expect(this.#type, STRUCT);
    this.beginElement();
  }

  /** Begins a struct that is an element of a list. */
  beginElement(): void {
    this.#around.push(this.#id);
    this.#id = 0;
  }

  /** Goes to the next field; false where the struct ends. */
  next(): boolean {
    const head = this.#byte();
    if (head === 0) {
      this.#id = this.#around.pop() ?? 0;
      return false;
    }
    this.#id = head >> 4 === 0 ? this.#integer() : this.#id + (head >> 4);
    this.#type = head & 15;
    return true;
  }

  /** Passes over the value of the field at hand. */
  skip(): void {
    this.#skip(this.#type, 0);
  }

  /** The length of a list of structs. */
  list(): number {
    this.#expect(this.#type, LIST);
    const [length, elementType] = this.#listHead();
    this.#expect(elementType, STRUCT);
    return length;
  }

  /** A boolean: the type is the value. */
  boolean(): boolean {
    if (this.#type !== TRUE) this.skip();
    return this.#type === TRUE;
  }

  /** A whole number. */
  number(): number {
    if (this.#type < I16 || this.#type > I64) throw new ThriftError('holds a field of a wrong type');
    return this.#integer();
  }

  /** Text. */
  text(): string {
    const length = this.#binary();
    const start = this.#bytes.byteOffset + this.#at - length;
    return Buffer.from(this.#bytes.buffer, start, length).toString('utf8');
  }

  /** A number as statistics spell it: bytes of one of Parquet's physical types; nothing where they are not as many. */
  spelled(physical: number): number | bigint | undefined {
    const length = this.#binary();
    const start = this.#at - length;
    if (length === 4 && physical === INT32_PHYSICAL) return this.#view.getInt32(start, true);
    if (length === 8 && physical === INT64_PHYSICAL) return this.#view.getBigInt64(start, true);
    if (length === 4 && physical === FLOAT_PHYSICAL) return this.#view.getFloat32(start, true);
    if (length === 8 && physical === DOUBLE_PHYSICAL) return this.#view.getFloat64(start, true);
    return undefined;
  }

  /** Passes over bytes; tells how many they were. */
  #binary(): number {
    this.#expect(this.#type, BINARY);
    const length = this.#unsigned();
    this.#advance(length);
    return length;
  }

  /** A signed whole number; infinite when a double cannot hold it. */
  #integer(): number {
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
