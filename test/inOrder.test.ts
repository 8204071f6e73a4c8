/** Calls are made in the order of their numbers, one after the other, up to the first that fails. */
import { expect, it } from 'vitest';
import { InOrder } from '../src/inOrder.ts';

it('what comes in any order goes in that of its numbers', async () => {
  const check = async (...numbers: number[]) => {
    let taken: string[] = [];
    const order = new InOrder<string>(async (item) => void taken.push(item));
    const after: string[] = [];
    for (const number of numbers) {
      order.add(number, `${number}`);
      await order.finish();
      after.push(taken.join(' '));
      taken = [];
    }
    return after;
  };
  expect(await check(0, 1, 2)).toEqual(['0', '1', '2']);
  expect(await check(2, 1, 0)).toEqual(['', '', '0 1 2']);
  expect(await check(1, 0, 3, 2, 4)).toEqual(['', '0 1', '', '2 3', '4']);
  expect(await check(1, 2)).toEqual(['', '']);
});

it('a call begins when the one before it has ended, and an item may be nothing', async () => {
  const told: string[] = [];
  const order = new InOrder<undefined>(async (_, index) => {
    told.push(`${index} begins`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    told.push(`${index} ends`);
  });
  order.add(1, undefined);
  expect(order.next).toBe(0);
  order.add(0, undefined);
  expect(order.next).toBe(2);
  await order.finish();
  expect(told).toEqual(['0 begins', '0 ends', '1 begins', '1 ends']);
});

it('the first failure is kept, with its number, and nothing is taken after it', async () => {
  const taken: number[] = [];
  const order = new InOrder<Error | undefined>(async (error, index) => {
    taken.push(index);
    if (error) throw error;
  });
  order.add(0, undefined);
  order.add(1, new Error('the first'));
  order.add(2, new Error('the second'));
  const thrown = await order.finish().catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: 'BUG', message: 'unexpected: the first' });
  expect([taken, order.failedAt(thrown), order.failedAt(new Error('the first'))]).toEqual([[0, 1], 1, undefined]);
  expect(() => order.add(3, undefined)).toThrow(thrown as Error);
  await order.giveUp('goes on');
  await expect(order.finish()).rejects.toBe(thrown);
});

it('one that is given up ends the call under way, takes no more, and says so to who goes on', async () => {
  let [begun, ended] = [0, 0];
  const order = new InOrder<number>(async () => {
    begun += 1;
    await new Promise((resolve) => setTimeout(resolve, 5));
    ended += 1;
  });
  order.add(0, 0);
  order.add(1, 1);
  await Promise.resolve();
  await order.giveUp('it goes on');
  expect([begun, ended]).toEqual([1, 1]);
  const thrown = await order.finish().catch((error: unknown) => error);
  expect(thrown).toMatchObject({ code: 'BUG', message: 'it goes on' });
  expect(order.failedAt(thrown)).toBeUndefined();
  expect(() => order.add(2, 2)).toThrow('it goes on');
});
