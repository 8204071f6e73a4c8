/** Engines by name. Each is loaded when it is opened, or while something else is waited for. */
import type { Engine, EngineName, EngineOptions } from './engine.ts';

const LOAD: Readonly<Record<EngineName, () => Promise<(options: EngineOptions) => Engine>>> = {
  threads: async () => (await import('./threads.ts')).openThreads,
  sequential: async () => (await import('./sequential.ts')).openSequential,
};

/** Loads the engine of that name and opens nothing; what is wrong with it is told when it is opened. */
export function preloadEngine(name: EngineName): void {
  LOAD[name]().catch(() => {});
}

/** Opens the engine of that name. */
export async function openEngine(name: EngineName, options: EngineOptions): Promise<Engine> {
  return (await LOAD[name]())(options);
}
