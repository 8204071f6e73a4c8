/** Through what sources are read: a path says which storage it is of, and today every one is a file's. */
import { local } from './local.ts';
import type { Storage } from './storage.ts';

export const storage: Storage = local;
