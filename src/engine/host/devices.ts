/** The area of devices: what can compute, what does, how fast, and how busy it is. */
import { flopsPerPicture, resolveRecipe } from '../ibot';
import { BusyShare, type AdapterEntry } from '../gpu';
import type { Device, DeviceStatus } from '../protocol';
import type { Area } from './host-context';
import { HostError } from './host-error';
import type { HostServices } from './services';

/** What the example pictures per second are about: ViT-S/16, 2 crops of 224 and 8 of 96. */
const EXAMPLE = resolveRecipe({ arch: 'vit_small', patch_size: 16, local_crops_number: 8 });
const TELL_MS = 2000;

export function devicesArea(services: HostServices): Area {
  const { device, desk, hub } = services;

  const shown = (adapter: AdapterEntry): Device => ({
    id: adapter.name,
    name: adapter.name,
    kind: adapter.kind,
    backend: adapter.backend,
    vendor: adapter.vendor,
    architecture: adapter.architecture,
    driver: adapter.driver,
    features: [...adapter.features],
    limits: Object.fromEntries(Object.entries(adapter.limits).filter(([, value]) => Number.isFinite(value))),
    current: adapter.name === device.current?.adapter.name,
    flopsPerSecond: device.speedOf(adapter)?.flopsPerSecond ?? null,
  });

  const busy = new BusyShare();

  const status = async (): Promise<DeviceStatus> => {
    const { current } = device;
    const nothing = { memoryBytes: 0, memorySource: '', memoryGuessed: true, memoryForRunsBytes: 0 };
    const common = { device: null, message: device.problem ?? null, software: false, busy: null, memoryUsedBytes: null, speed: null };
    if (!current) return { ...common, ...nothing };
    const { totalBytes, forRunsBytes, source, guessed } = await device.memory();
    const speed = device.speedOf(current.adapter);
    return {
      device: shown(current.adapter),
      message: null,
      software: current.gpu.info.software,
      busy: busy.value === null ? null : Number(busy.value.toFixed(2)),
      memoryUsedBytes: desk.live?.memoryBytes ?? 0,
      memoryBytes: totalBytes,
      memorySource: source,
      memoryGuessed: guessed,
      memoryForRunsBytes: forRunsBytes,
      speed: speed ? { ...speed, ...example(speed.flopsPerSecond) } : null,
    };
  };

  let told = '';
  const tell = async (): Promise<void> => {
    if (!hub.isHeard('device.status')) return;
    const value = await status();
    const text = JSON.stringify(value);
    if (text !== told) hub.emit('device.status', undefined, value);
    told = text;
  };
  const timer = setInterval(() => {
    busy.look(device.current?.gpu.busy);
    void tell().catch(services.report);
  }, TELL_MS);
  device.onChange(() => {
    desk.tellStatus();
    void tell().catch(services.report);
  });
  services.settings.onChange(() => void tell().catch(services.report));

  return {
    handlers: {
      'devices.list': async () => ({ devices: (await device.list().catch(() => [])).map(shown) }),
      'devices.status': status,
      'devices.measure': async () => {
        if (desk.live) throw new HostError('busy', 'A run is going: the device can be measured when it has ended.');
        const { flopsPerSecond } = await device.measure();
        return { flopsPerSecond, ...example(flopsPerSecond) };
      },
    },
    topics: { 'device.status': status },
    close: () => clearInterval(timer),
  };
}

const example = (flopsPerSecond: number): { examplePicturesPerSecond: number } => ({
  examplePicturesPerSecond: flopsPerSecond / flopsPerPicture(EXAMPLE),
});
