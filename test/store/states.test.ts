import { expect, it } from 'vitest';
import { isFinished, JOB_TRANSITIONS, nextJobState } from '../../src/store/states.ts';

it('names each (from, event) once', () => {
  const keys = JOB_TRANSITIONS.map(([from, event]) => `${from} ${event}`);
  expect(new Set(keys).size).toBe(keys.length);
});

it('reaches every state from created', () => {
  const reached = new Set<string>(['created']);
  for (let i = 0; i < JOB_TRANSITIONS.length; i += 1)
    for (const [from, , to] of JOB_TRANSITIONS) if (reached.has(from)) reached.add(to);
  const states = new Set(JOB_TRANSITIONS.flatMap(([from, , to]) => [from, to]));
  expect(reached).toEqual(states);
});

it('lets a finished job begin again only when it is asked to', () => {
  expect(nextJobState('completed', 'start')).toBeUndefined();
  expect(nextJobState('completed', 'restart')).toBe('created');
  expect(isFinished('completed')).toBe(true);
});

it('lets whoever holds the lock go on from any unfinished state', () => {
  for (const [from] of JOB_TRANSITIONS) if (from !== 'completed') expect(nextJobState(from, 'start')).toBe('running');
});
