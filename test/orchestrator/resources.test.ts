import { expect, it } from 'vitest';
import { decideBudget, parseBytes } from '../../src/orchestrator/resources.ts';

const GIB = 2 ** 30;
const machine = { memoryBytes: 8 * GIB, cores: 4 };

it('takes the cores there are, and no more workers than chunks', () => {
  expect(decideBudget(machine, { columns: 10, chunks: 100 }).workers).toBe(4);
  expect(decideBudget(machine, { columns: 10, chunks: 2 }).workers).toBe(2);
  expect(decideBudget(machine, { workers: 9, columns: 10, chunks: 100 }).workers).toBe(9);
});

it('keeps within the memory that was asked for', () => {
  const tight = decideBudget(machine, { workers: 64, memoryBytes: 256 * 2 ** 20, columns: 10, chunks: 100 });
  expect(tight.workers).toBe(3);
  expect(tight.memoryBytes).toBe(256 * 2 ** 20);
  expect(decideBudget(machine, { memoryBytes: 128 * 2 ** 20, columns: 3000, chunks: 100 }).workers).toBe(1);
  expect(decideBudget(machine, { memoryBytes: 100 * GIB, columns: 1, chunks: 1 }).memoryBytes).toBe(8 * GIB);
});

it.each([
  ['1024', 1024],
  ['512MiB', 512 * 2 ** 20],
  ['512MB', 512e6],
  ['2G', 2 * GIB],
  ['1.5GiB', 1.5 * GIB],
  ['50%', 4 * GIB],
  ['0%', undefined],
  ['101%', undefined],
  ['lots', undefined],
  ['-1', undefined],
  ['', undefined],
])('reads %s as a size', (text, bytes) => {
  expect(parseBytes(text, 8 * GIB)).toBe(bytes);
});
