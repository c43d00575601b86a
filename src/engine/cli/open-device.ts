/** The device of a command. */
import { Gpu, listAdapters, pickAdapter, type AdapterEntry } from '../gpu';
import type { Screen } from './screen';

export const DEVICE_FLAG = '--device <name>';
export const DEVICE_HELP = 'graphics device: its number in `ibot devices`, or a part of its name';

export interface OpenDevice {
  gpu: Gpu;
  adapter: AdapterEntry;
}

/**
 * @param wanted what the flag says
 * @param preferred names of a device to take otherwise, if it is there; else the best one
 * @throws UserError when there is no device, or none of the name that is wanted.
 */
export async function openDevice(wanted: string | undefined, preferred?: { name: string }): Promise<OpenDevice> {
  const adapters = await listAdapters();
  const former = preferred && adapters.find(({ name }) => name === preferred.name);
  const adapter = wanted === undefined && former ? former : pickAdapter(adapters, wanted);
  return { gpu: await Gpu.open(await adapter.request()), adapter };
}

/** Says which device works, that a software device is slow, and why no faster one is used where that is known (`gpu/driver`). */
export function sayDevice(screen: Screen, { adapter }: { adapter: Pick<AdapterEntry, 'name' | 'kind' | 'backend'> }): void {
  screen.say(`Device: ${adapter.name} (${adapter.kind === 'software' ? 'software' : adapter.kind}, ${adapter.backend})`);
  if (adapter.kind === 'software') {
    screen.say('This is a software device: it computes on the processor, correctly but slowly; a graphics card is many times faster.');
    if (process.env.IBOT_DRIVER_NOTE) screen.say(process.env.IBOT_DRIVER_NOTE);
  }
}
