/** Engines by name. Each is loaded when it is opened. */
import type { Engine, EngineName, EngineOptions } from './engine.ts';

/** Opens the engine of that name. */
export async function openEngine(name: EngineName, options: EngineOptions): Promise<Engine> {
  switch (name) {
    case 'threads':
      return (await import('./threads.ts')).openThreads(options);
    case 'sequential':
      return (await import('./sequential.ts')).openSequential(options);
  }
}
