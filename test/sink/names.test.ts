import { expect, it } from 'vitest';
import { tooLong } from '../../src/files/names.ts';

it('names are counted in bytes, and a path must have room for a temporary beside it', () => {
  expect(tooLong(`/data/${'x'.repeat(255)}`, 80)).toBeUndefined();
  expect(tooLong(`/data/${'x'.repeat(256)}`, 80)).toBe('its name has 256 bytes; 255 are allowed');
  expect(tooLong(`/data/${'ü'.repeat(128)}`, 80)).toContain('256 bytes');
  const deep = (bytes: number) => `${`/${'d'.repeat(99)}`.repeat(40)}/${'e'.repeat(bytes - 4002)}/x`;
  expect(tooLong(deep(4015), 80)).toBeUndefined();
  expect(tooLong(deep(4016), 80)).toBe("its directory's path has 4016 bytes; 4015 are allowed");
  expect(tooLong(deep(4016), 0)).toBeUndefined();
});
