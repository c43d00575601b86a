/** What computes. */
import { z } from 'zod';
import { bytes, count, nothing, share, time } from './values';

export const device = z.object({
  /** What the setting `device` takes. */
  id: z.string(),
  name: z.string(),
  kind: z.enum(['discrete', 'integrated', 'software']),
  backend: z.string(),
  vendor: z.string(),
  architecture: z.string(),
  /** Driver and version in the driver's own words. */
  driver: z.string(),
  features: z.array(z.string()),
  /** WebGPU's limits by name. */
  limits: z.record(z.string(), z.number()),
  /** The one that computes now. */
  current: z.boolean(),
  /** Measured before on this machine, in f32; null: never. */
  flopsPerSecond: z.number().nullable(),
});
export type Device = z.infer<typeof device>;

/** The device that computes, as the title bar shows it. */
export const deviceStatus = z.object({
  /** Null: none could be opened; `message` says why. */
  device: device.nullable(),
  message: z.string().nullable(),
  software: z.boolean(),
  /** Share of the last second or two in which it had work of ours to do; null before anything was measured. */
  busy: share.nullable(),
  /** Taken on the device by this program (of the whole device where the system tells); null where nobody tells. */
  memoryUsedBytes: bytes.nullable(),
  memoryBytes: bytes,
  /** Who told: "nvidia-smi", "the setting", "a guess" … */
  memorySource: z.string(),
  /** Nobody told: nothing is refused because of it. */
  memoryGuessed: z.boolean(),
  /** What training may use: memory less what is kept for the screen and for looking. */
  memoryForRunsBytes: bytes,
  speed: z
    .object({
      /** In f32, in products as training has them. */
      flopsPerSecond: z.number().positive(),
      /** What that means: pictures per second of a ViT-S/16 in training, 2 crops of 224 and 8 of 96. */
      examplePicturesPerSecond: z.number().positive(),
      measuredAt: time,
    })
    .nullable(),
});
export type DeviceStatus = z.infer<typeof deviceStatus>;

export const deviceMethods = {
  /** The devices that WebGPU offers, best first. May take a second. Fails never: no device gives an empty list. */
  'devices.list': { params: nothing, result: z.object({ devices: z.array(device) }) },
  /** As the topic `device.status`. Fails never. */
  'devices.status': { params: nothing, result: deviceStatus },
  /**
   * Measures the current device anew (1 to 10 s) and keeps the result. Errors: busy (a run is going; between its steps nothing
   * can be measured), user (no device).
   */
  'devices.measure': {
    params: nothing,
    result: z.object({ flopsPerSecond: z.number().positive(), examplePicturesPerSecond: z.number().positive() }),
  },
};

export const deviceTopics = {
  /** At most once a second, while something changes. */
  'device.status': { key: null, value: deviceStatus },
};

/** Threads, for the settings page. */
export const workerLimits = z.object({ cores: count, automatic: count });
