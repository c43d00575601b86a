import type { Command } from 'commander';
import { UserError } from '../errors';
import { listAdapters, type AdapterEntry } from '../gpu';
import { bytes } from './quantities';

/** Features that matter to training; `--json` shows all. */
const ofInterest = ['shader-f16', 'subgroups', 'timestamp-query', 'chromium-experimental-subgroup-matrix'];

/** `ibot devices`: what can compute here, best first. */
export function registerDevices(program: Command): void {
  program
    .command('devices')
    .description('list the graphics devices: name, driver, limits, features')
    .option('--json', 'write one JSON object for other programs')
    .action(async (options: { json?: boolean }) => {
      const adapters = await listAdapters();
      if (options.json) {
        const devices = adapters.map(({ request: _request, ...shown }) => shown);
        console.log(JSON.stringify({ driver: process.env.IBOT_DRIVER_SOURCE ?? null, devices }, null, 2));
      } else if (adapters.length > 0) {
        console.log(adapters.map(describe).join('\n\n'));
        if (process.env.IBOT_DRIVER_NOTE) console.log(`\n${process.env.IBOT_DRIVER_NOTE}`);
      }
      if (adapters.length === 0) {
        throw new UserError('No graphics device that WebGPU can use was found; install a Vulkan driver.');
      }
    });
}

function describe(adapter: AdapterEntry): string {
  const limit = (name: string) => adapter.limits[name] ?? 0;
  const kind = adapter.kind === 'software' ? 'computes on the processor: works everywhere, but slowly' : adapter.kind;
  return [
    `${adapter.index}  ${adapter.name}`,
    `   kind      ${kind}`,
    `   driver    ${adapter.driver || 'unnamed'} (${adapter.backend})`,
    `   limits    buffer ${bytes(limit('maxBufferSize'))}, binding ${bytes(limit('maxStorageBufferBindingSize'))}, ` +
      `workgroup ${limit('maxComputeInvocationsPerWorkgroup')} invocations and ${bytes(limit('maxComputeWorkgroupStorageSize'))}`,
    `   features  ${ofInterest.filter((each) => adapter.features.includes(each)).join(', ') || 'none of interest'}`,
  ].join('\n');
}
