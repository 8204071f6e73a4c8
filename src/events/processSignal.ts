/** Why a run is aborted, where a signal of its own process is the reason: nobody else decides what a process ends with. */
export class ProcessSignal {
  readonly exitCode: number;

  constructor(exitCode: number) {
    this.exitCode = exitCode;
  }
}
