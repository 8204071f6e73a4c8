import { expect, it } from 'vitest';
import { DecayedRate } from '../../src/orchestrator/progress.ts';

it('knows no rate before any work', () => {
  const rate = new DecayedRate(0, 0);
  expect(rate.perSecond).toBeNull();
  rate.observe(0, 1);
  expect(rate.perSecond).toBeNull();
});

it('is the plain rate of steady work, and does not count what was done before', () => {
  const rate = new DecayedRate(1000, 0);
  for (let second = 1; second <= 20; second += 1) rate.observe(1000 + 50 * second, second);
  expect(rate.perSecond).toBeCloseTo(50, 6);
});

it('follows a change of pace within a few half-lives', () => {
  const rate = new DecayedRate(0, 0);
  let done = 0;
  for (let second = 1; second <= 75; second += 1) {
    done += second <= 60 ? 100 : 10;
    rate.observe(done, second);
  }
  expect(rate.perSecond).toBeGreaterThan(10);
  expect(rate.perSecond).toBeLessThan(30);
});

it('is not troubled by a clock that stands still or a count that falls', () => {
  const rate = new DecayedRate(100, 5);
  rate.observe(200, 5);
  expect(rate.perSecond).toBeNull();
  rate.observe(50, 6);
  expect(rate.perSecond).toBeNull();
});
