/** The graphics device: finding a driver and an adapter, buffers, pipelines, waiting, errors. Knows no tensors. */
export { Gpu, GpuError, GpuLostError, type GpuInfo } from './device';
export { BusyMeter, BusyShare } from './busy-meter';
export { deviceMemory, type DeviceMemory } from './memory';
export { listAdapters, pickAdapter, type AdapterEntry } from './adapters';
