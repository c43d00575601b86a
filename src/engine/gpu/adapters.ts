/** The adapters of this machine as Dawn sees them, and which of them to use. */
import { create, globals } from 'webgpu';
import { UserError } from '../errors';
import { isSoftwareName, noSuchAdapter, parseListedAdapters, type ListedAdapter } from './adapter-names';

export type AdapterKind = 'discrete' | 'integrated' | 'software';

export interface AdapterEntry {
  /** Place in the list, best first; `--device` takes it. */
  index: number;
  name: string;
  backend: string;
  vendor: string;
  architecture: string;
  /** Driver and version in the driver's own words. */
  driver: string;
  kind: AdapterKind;
  limits: Record<string, number>;
  features: string[];
  /** A fresh adapter: WebGPU lets each one open a single device. */
  request(): Promise<GPUAdapter>;
}

/** Unsafe APIs: matrix units and exact timestamps are offered behind that flag only. */
const dawnFlags = ['enable-dawn-features=allow_unsafe_apis', 'disable-dawn-features=timestamp_quantization'];

/** Dawn ends the process when an instance is collected while something of it lives, so each one is kept for good. */
const keptAlive: GPU[] = [];

function newInstance(...flags: string[]): GPU {
  Object.assign(globalThis, globals);
  const instance = create([...dawnFlags, ...flags]);
  keptAlive.push(instance);
  return instance;
}

/** Per system, the backends that are used, best first. */
const backends: Partial<Record<NodeJS.Platform, readonly string[]>> = {
  linux: ['vulkan'],
  darwin: ['metal'],
  win32: ['d3d12', 'vulkan'],
};

/**
 * All adapters, discrete before integrated before software, in each group the one the system prefers first. Two cards of the
 * same name appear once, because Dawn selects by name. Empty when there is none.
 */
export async function listAdapters(): Promise<AdapterEntry[]> {
  const backendFlag = process.platform === 'linux' ? ['backend=vulkan'] : [];
  const listed = oncePerName(await askForList([...backendFlag, noSuchAdapter]));
  const preferredName = listed.length > 1 ? await preferredDevice(backendFlag) : undefined;
  const entries = await Promise.all(listed.map(describe));
  const found = entries.filter((entry) => entry !== undefined);
  const rank: Record<AdapterKind, number> = { discrete: 0, integrated: 1, software: 2 };
  const order = ({ kind, device }: (typeof found)[number]) => rank[kind] * 2 + (device === preferredName ? 0 : 1);
  found.sort((a, b) => order(a) - order(b));
  return found.map(({ device: _device, ...entry }, index) => ({ index, ...entry }));
}

/**
 * The adapter to use: the first of `adapters`, or the one `wanted` names (its index, or a part of its name in any case; of
 * several that match, the first).
 * @throws UserError when there is none, or none that matches; it lists what there is.
 */
export function pickAdapter<Entry extends Pick<AdapterEntry, 'index' | 'name'>>(
  adapters: readonly Entry[],
  wanted?: string,
): Entry {
  const best = adapters[0];
  if (!best) throw new UserError('No graphics device that WebGPU can use was found; install a Vulkan driver.');
  if (wanted === undefined) return best;
  const text = wanted.trim().toLowerCase();
  const chosen =
    adapters.find((adapter) => String(adapter.index) === text) ??
    (text ? adapters.find((adapter) => adapter.name.toLowerCase().includes(text)) : undefined);
  if (chosen) return chosen;
  const all = adapters.map((adapter) => `${adapter.index}: ${adapter.name}`).join(', ');
  throw new UserError(`There is no device "${wanted}"; there is ${all}.`);
}

async function askForList(flags: readonly string[]): Promise<ListedAdapter[]> {
  try {
    await newInstance(...flags).requestAdapter(); // answers null when there is no adapter at all
    return [];
  } catch (error) {
    return parseListedAdapters(error instanceof Error ? error.message : String(error));
  }
}

function oncePerName(listed: readonly ListedAdapter[]): ListedAdapter[] {
  const wanted = backends[process.platform] ?? [];
  const usable = listed.filter((adapter) => wanted.includes(adapter.backend));
  usable.sort((a, b) => wanted.indexOf(a.backend) - wanted.indexOf(b.backend));
  return usable.filter((adapter, index) => usable.findIndex((other) => other.name === adapter.name) === index);
}

async function preferredDevice(flags: readonly string[]): Promise<string | undefined> {
  const adapter = await newInstance(...flags).requestAdapter({ powerPreference: 'high-performance' });
  return adapter?.info.device;
}

async function describe(listed: ListedAdapter): Promise<(Omit<AdapterEntry, 'index'> & { device: string }) | undefined> {
  const gpu = newInstance(`backend=${listed.backend}`, `adapter=${listed.name}`);
  const request = async (): Promise<GPUAdapter> => {
    const adapter = await gpu.requestAdapter();
    if (!adapter) throw new UserError(`The graphics device ${listed.name} is gone; choose another one with --device.`);
    return adapter;
  };
  const adapter = await gpu.requestAdapter();
  if (!adapter) return undefined;
  const limits: Record<string, number> = {};
  for (const key in adapter.limits) {
    const value = adapter.limits[key as keyof GPUSupportedLimits];
    if (typeof value === 'number') limits[key] = value;
  }
  const { vendor, architecture, description, device } = adapter.info;
  return {
    name: listed.name,
    backend: listed.backend,
    vendor,
    architecture,
    driver: description,
    device,
    kind: adapterKind({ name: listed.name, vendor, description, isFallback: adapter.info.isFallbackAdapter === true }),
    limits,
    features: [...adapter.features].sort(),
    request,
  };
}

const sharesItsMemory = /tegra|jetson|orin|xavier|thor|gb10/i;
const amdCards =
  /\bRX\b|\bPro WX?\b|\bPro W\d|\bInstinct\b|\bMI\d{2,3}|\bAI PRO\b|\bVII\b|FirePro|\bVega (56|64|Frontier)|NAVI\d|POLARIS/i;
const intelCards = /\bArc\b.*\b[AB]\d{2,3}M?\b|\bDG[12]\b|\bBMG\b|\bFlex\b|\bMax 1/i;

/**
 * WebGPU does not say whether an adapter has memory of its own, so names tell: every NVIDIA chip but those on boards that share
 * their memory, AMD's and Intel's product lines for cards; all else is integrated.
 */
export function adapterKind(adapter: { name: string; vendor: string; description: string; isFallback: boolean }): AdapterKind {
  const { name, vendor, description, isFallback } = adapter;
  if (isFallback || isSoftwareName(name) || isSoftwareName(description)) return 'software';
  const maker = `${vendor} ${name}`;
  if (/nvidia|geforce|quadro/i.test(maker)) return sharesItsMemory.test(name) ? 'integrated' : 'discrete';
  if (/\bamd\b|radeon/i.test(maker)) return amdCards.test(name) ? 'discrete' : 'integrated';
  if (/intel/i.test(maker)) return intelCards.test(name) ? 'discrete' : 'integrated';
  return 'integrated';
}
