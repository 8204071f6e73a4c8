/** What of the machine must be there before anything is run. */
import { measureCapacity } from '../../system.ts';
import { refuseAddressLimit } from '../spec/resources.ts';

/**
 * Refuses where this process may not map what a job takes. Asked before what runs it is loaded: in an address space that its
 * code has filled, V8's own threads abort before anything can be said.
 */
export function refuseTightAddressSpace(): void {
  refuseAddressLimit(measureCapacity());
}
