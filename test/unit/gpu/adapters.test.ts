import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/engine/errors';
import { parseListedAdapters } from '../../../src/engine/gpu/adapter-names';
import { adapterKind, listAdapters, pickAdapter } from '../../../src/engine/gpu/adapters';

describe('adapters', () => {
  it("are read from Dawn's message, whatever the name holds", () => {
    const message = `no adapter with backend 'vulkan' and name '?' found
Available adapters:
 * backend: 'vulkan', name: 'NVIDIA GeForce RTX 3080'
 * backend: 'vulkan', name: 'Bob's own (v2)'`;
    expect(parseListedAdapters(message)).toEqual([
      { backend: 'vulkan', name: 'NVIDIA GeForce RTX 3080' },
      { backend: 'vulkan', name: "Bob's own (v2)" },
    ]);
    expect(parseListedAdapters('something else went wrong')).toEqual([]);
  });

  it.each([
    ['NVIDIA GeForce RTX 3080', 'nvidia', 'discrete'],
    ['NVIDIA H100 80GB HBM3', 'nvidia', 'discrete'],
    ['NVIDIA Tegra Orin (nvgpu)', 'nvidia', 'integrated'],
    ['AMD Radeon RX 7900 XTX (RADV NAVI31)', 'amd', 'discrete'],
    ['AMD Radeon Pro W7900 (RADV NAVI31)', 'amd', 'discrete'],
    ['AMD Instinct MI210', 'amd', 'discrete'],
    ['AMD Radeon Graphics (RADV RENOIR)', 'amd', 'integrated'],
    ['AMD Radeon 780M (RADV PHOENIX)', 'amd', 'integrated'],
    ['Intel(R) Arc(tm) A770 Graphics (DG2)', 'intel', 'discrete'],
    ['Intel(R) Arc(tm) B580 Graphics (BMG G21)', 'intel', 'discrete'],
    ['Intel(R) Arc(tm) Graphics (MTL)', 'intel', 'integrated'],
    ['Intel(R) UHD Graphics 630 (CFL GT2)', 'intel', 'integrated'],
    ['Apple M1 Max', 'apple', 'integrated'],
    ['llvmpipe (LLVM 15.0.6, 256 bits)', 'mesa', 'software'],
    ['SwiftShader Device (Subzero)', 'google', 'software'],
    ['Microsoft Basic Render Driver', 'microsoft', 'software'],
  ])('%s is told by its name', (name, vendor, kind) => {
    expect(adapterKind({ name, vendor, description: '', isFallback: false })).toBe(kind);
  });

  it('are picked by default, index or part of the name', () => {
    const all = [
      { index: 0, name: 'NVIDIA GeForce RTX 3080' },
      { index: 1, name: 'Intel UHD 630' },
      { index: 2, name: 'llvmpipe' },
    ];
    expect(pickAdapter(all).index).toBe(0);
    expect(pickAdapter(all, '2').index).toBe(2);
    expect(pickAdapter(all, 'uhd').index).toBe(1);
    expect(pickAdapter(all, '3080').index).toBe(0);
    const wrong = () => pickAdapter(all, 'radeon');
    expect(wrong).toThrow(UserError);
    expect(wrong).toThrow('There is no device "radeon"; there is 0: NVIDIA GeForce RTX 3080, 1: Intel UHD 630, 2: llvmpipe.');
    expect(() => pickAdapter(all, ' ')).toThrow(UserError);
    expect(() => pickAdapter([])).toThrow(UserError);
  });

  it('of this machine can be opened more than once', async () => {
    const adapters = await listAdapters();
    const best = pickAdapter(adapters);
    expect(best.name).not.toBe('');
    expect(best.limits.maxBufferSize).toBeGreaterThanOrEqual(256 << 20); // WebGPU's guaranteed minimum
    expect(best.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(256);
    expect(best.features).toContain('core-features-and-limits');
    for (let count = 0; count < 2; count++) {
      const device = await (await best.request()).requestDevice();
      expect(device.limits.maxBufferSize).toBeGreaterThan(0);
      device.destroy();
    }
  });
});
