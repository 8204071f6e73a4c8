import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Ticker } from '../../../src/orchestrator/work/ticker.ts';

function busy(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

it('leaves half of the time to everybody else, however long the work takes', async () => {
  const spans: [begin: number, end: number][] = [];
  const ticker = new Ticker(5, () => {
    const begin = performance.now();
    busy(40);
    spans.push([begin, performance.now()]);
  }).start();
  // Another one that takes longer than its pause is not kept from its turn either.
  let others = 0;
  const other = new Ticker(5, () => {
    others += 1;
    busy(10);
  }).start();
  await sleep(500);
  ticker.stop();
  other.stop();
  expect(spans.length).toBeGreaterThan(2);
  expect(others).toBeGreaterThan(2);
  for (const [i, [begin]] of spans.entries()) if (i > 0) expect(begin - (spans[i - 1]?.[1] ?? 0)).toBeGreaterThan(35);
});

it('counts its pause from the last work, also from one that was not due', async () => {
  let works = 0;
  const ticker = new Ticker(100, () => {
    works += 1;
  }).start();
  for (let i = 0; i < 8; i += 1) {
    ticker.now();
    await sleep(20);
  }
  expect(works).toBe(8);
  ticker.stop();
});

it('ends when it is stopped, also from within', async () => {
  let works = 0;
  const ticker = new Ticker(1, () => {
    works += 1;
    if (works === 3) ticker.stop();
  }).start();
  await sleep(60);
  expect(works).toBe(3);
});
