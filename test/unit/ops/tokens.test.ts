import { expect, test } from 'vitest';
import { Graph } from '../../../src/engine/graph';
import { assembleTokens, assembleTokensOp, type TokenGroup } from '../../../src/engine/ops/tokens';
import { checkOp } from '../../support/gradient-check';

interface Case {
  groups: TokenGroup[];
  width: number;
  masked?: boolean;
  role?: 'gradient' | 'parameter';
}
const cases: Case[] = [
  { groups: [{ sequences: 1, patches: 1 }], width: 4 },
  { groups: [{ sequences: 5, patches: 7 }], width: 12, masked: true },
  { groups: [{ sequences: 3, patches: 9 }, { sequences: 4, patches: 4 }], width: 20, role: 'parameter' },
  { groups: [{ sequences: 2, patches: 33 }, { sequences: 7, patches: 6 }], width: 36, masked: true, role: 'parameter' },
  // More rows than one slice of the sums takes, and more columns than a workgroup.
  { groups: [{ sequences: 530, patches: 2 }, { sequences: 1, patches: 3 }], width: 4, masked: true },
  { groups: [{ sequences: 2, patches: 3 }], width: 300, masked: true, role: 'parameter' },
];

for (const { groups, width, masked = false, role = 'gradient' } of cases) {
  const name = groups.map((g) => `${g.sequences}×(1+${g.patches})`).join(' and ');
  test(`tokens ${name}, width ${width}${masked ? ', masked' : ''}, ${role}s`, async () => {
    const rows = groups.reduce((n, g) => n + g.sequences * g.patches, 0);
    const mask = Uint32Array.from({ length: rows }, (_, i) => ((i * 7) % 5 < 2 ? 1 : 0));
    await checkOp({
      op: assembleTokensOp,
      attributes: { groups },
      inputs: [
        { name: 'patches', shape: [rows, width] },
        { name: 'cls', shape: [1, 1, width], role },
        masked ? { name: 'masked', shape: [1, width], role } : undefined,
        masked ? { name: 'mask', shape: [rows], values: mask } : undefined,
        ...groups.map((g, i) => ({ name: `positions${i}`, shape: [1 + g.patches, width], role })),
      ],
      reference: ([patches, cls, replacement, , ...positions]) => {
        const y: number[] = [];
        let patch = 0;
        groups.forEach((group, g) => {
          for (let s = 0; s < group.sequences; s++) {
            for (let t = 0; t <= group.patches; t++) {
              for (let c = 0; c < width; c++) {
                const content =
                  t === 0 ? cls![c]! : masked && mask[patch] === 1 ? replacement![c]! : patches![patch * width + c]!;
                y.push(content + positions[g]![t * width + c]!);
              }
              if (t > 0) patch++;
            }
          }
        });
        return [Float64Array.from(y)];
      },
    });
  });
}

test('sizes that do not belong together are refused', () => {
  const graph = new Graph();
  const [patches, cls, positions] = [graph.input('patches', [6, 4]), graph.input('cls', [1, 1, 4]), graph.input('pos', [4, 4])];
  const mask = graph.input('mask', [6], 'u32');
  const groups = [{ sequences: 2, patches: 3 }];
  expect(() => assembleTokens(graph, patches, cls, [], undefined, undefined, { groups })).toThrow(/per group/);
  expect(() => assembleTokens(graph, patches, cls, [positions], undefined, mask, { groups })).toThrow(/belong together/);
  expect(assembleTokens(graph, patches, cls, [positions], undefined, undefined, { groups }).shape).toEqual([8, 4]);
});
