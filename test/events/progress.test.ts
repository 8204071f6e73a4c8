import { expect, it } from 'vitest';
import { ActiveTime, DecayedRate, remainingSeconds } from '../../src/events/progress.ts';

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

it('is none while paused, and starts anew afterwards however long the pause was', () => {
  const rate = new DecayedRate(0, 0);
  for (let second = 1; second <= 20; second += 1) rate.observe(100 * second, second);
  rate.pause();
  for (let second = 21; second <= 600; second += 1) {
    rate.observe(2000, second);
    expect(rate.perSecond).toBeNull();
  }
  rate.resume(2000, 600);
  expect(rate.perSecond).toBeNull();
  rate.observe(2010, 601);
  expect(rate.perSecond).toBeCloseTo(10, 6);
});

it('foretells nothing absurd: no time left beyond a hundred days, none without a rate', () => {
  expect(remainingSeconds(100, null)).toBeNull();
  expect(remainingSeconds(100, 1e-30)).toBeNull();
  expect(remainingSeconds(100, 0)).toBeNull();
  expect(remainingSeconds(0, 5)).toBe(0);
  expect(remainingSeconds(101, 10)).toBe(10.1);
});

it('time with pauses is the time between them', () => {
  const time = new ActiveTime(10);
  expect(time.seconds(12)).toBe(2);
  time.pause(12);
  time.pause(13);
  expect(time.seconds(100)).toBe(2);
  time.resume(100);
  time.resume(101);
  expect(time.seconds(103)).toBe(5);
});
