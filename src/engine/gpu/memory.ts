/** How much memory a device has. WebGPU does not tell, so the operating system is asked, and the answer says whom. */
import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { GpuInfo } from './device';

export interface DeviceMemory {
  bytes: number;
  /** In plain words, e.g. "nvidia-smi". */
  source: string;
  /** Nobody told: nothing should be refused because of it. */
  guessed?: boolean;
}

/** Where nothing is known: what nearly every card of the last years has. */
const ASSUMED_BYTES = 4 * 2 ** 30;

/** Memory of one card as NVIDIA's own tool says, in bytes; undefined without the tool. */
async function fromNvidia(): Promise<number | undefined> {
  try {
    const parameters = ['--query-gpu=memory.total', '--format=csv,noheader,nounits'];
    const { stdout } = await promisify(execFile)('nvidia-smi', parameters, { timeout: 5000 });
    const sizes = stdout.split('\n').map(Number).filter((n) => n > 0);
    return sizes.length > 0 ? Math.min(...sizes) * 2 ** 20 : undefined;
  } catch {
    return undefined;
  }
}

/** Memory of the largest card that Linux's amdgpu driver lists. */
async function fromSysfs(root = '/sys/class/drm'): Promise<number | undefined> {
  const cards = await readdir(root).catch(() => [] as string[]);
  const sizes: number[] = [];
  for (const card of cards) {
    const text = await readFile(join(root, card, 'device', 'mem_info_vram_total'), 'utf8').catch(() => '');
    if (Number(text) > 0) sizes.push(Number(text));
  }
  return sizes.length > 0 ? Math.max(...sizes) : undefined;
}

/** What a training plan may use of the device's memory. */
export async function deviceMemory(info: GpuInfo): Promise<DeviceMemory> {
  if (info.software) {
    return { bytes: Math.min(freemem() * 0.7, totalmem() * 0.6), source: "this computer's free memory" };
  }
  const text = `${info.vendor} ${info.name} ${info.description}`;
  const dedicated = /nvidia/i.test(text) ? await fromNvidia() : /amd|radeon/i.test(text) ? await fromSysfs() : undefined;
  if (dedicated !== undefined) return { bytes: dedicated * 0.9, source: 'the driver' };
  if (/apple|intel/i.test(text)) return { bytes: totalmem() * 0.5, source: "half of this computer's memory, which the device shares" };
  return { bytes: ASSUMED_BYTES, source: 'a guess, since the system does not tell', guessed: true };
}
