/** Recipes as the window asks for them, on a set of 24 small pictures and whatever device there is. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { beforeAll, describe, expect, test } from 'vitest';
import { plainWords } from '../../../src/engine/cli/recipe-flags';
import { addTrainFlags, askedRun, type TrainFlags } from '../../../src/engine/cli/train';
import { drawCrops, picturePath, splitIndices, type Manifest } from '../../../src/engine/data';
import type { HostContext } from '../../../src/engine/host/host-context';
import { recipesArea } from '../../../src/engine/host/recipes';
import { DEFAULT_SETTINGS } from '../../../src/engine/host/settings';
import { notesOf } from '../../../src/engine/host/recipes-notes';
import { RecipeMemory } from '../../../src/engine/host/recipes-memory';
import { cropOptionsOf, drawMasks, fitMemory, maskOptionsOf, memoryOf, resolveRecipe } from '../../../src/engine/ibot';
import { shellWord } from '../../../src/engine/launcher';
import { methods, type Draft, type Handlers, type MethodName, type Params, type Result } from '../../../src/engine/protocol';
import { writeRunRecord, type RunRecord } from '../../../src/engine/runs/run-record';
import { testGpu } from '../../support/gpu';
import { temporaryFolder } from '../../support/temporary-folder';
import { tinyManifest, tinyRecipe } from '../runs/tiny-run';

const GIB = 2 ** 30;
let manifest: Manifest;
let memoryBytes = 4 * GIB;
let workers = 0;
let madeFrom: string | undefined = 'abcd1234';
let runs: string;
/** How often the pictures of the dataset were asked for. */
let asked = 0;
const taken = new Set<string>();

function area() {
  const there = { totalBytes: 8 * GIB, keptBytes: GIB, source: 'the test', guessed: false };
  const context = {
    library: { runs, labels: runs },
    settings: { current: { ...DEFAULT_SETTINGS, workers } },
    datasets: {
      pictures: async () => {
        asked++;
        return { name: "Bob's birds & more", revision: 1, manifest, problems: [], allowBad: false };
      },
      find: async (_: string, paths: readonly string[]) =>
        paths.map((path) => 100 + manifest.pictures.findIndex((picture) => picture.path === path)),
    },
    device: {
      current: undefined,
      open: testGpu,
      speed: async () => ({ flopsPerSecond: 2e11, measuredAt: 1_700_000_000_000 }),
      memory: async () => ({ ...there, forRunsBytes: memoryBytes }),
    },
    runs: { endsAt: () => null, isTaken: (name: string) => Promise.resolve(taken.has(name)), folderOf: (run: string) => join(runs, run), madeFrom: () => madeFrom },
  } as unknown as HostContext;
  return { context, handlers: recipesArea(context).handlers as Handlers<MethodName> };
}

/** Asks as a window does: params and result keep to the contract. */
async function ask<M extends MethodName & `recipes.${string}`>(method: M, params: Params<M>): Promise<Result<M>> {
  const checked = methods[method].params.parse(params) as never;
  const value = await area().handlers[method](checked, { signal: new AbortController().signal });
  return methods[method].result.parse(value) as Result<M>;
}

const { data_path: _, output_dir: __, ...tiny } = tinyRecipe();
const tinyOptions = tiny as unknown as Draft['options'];
const { workers: ___, ...tinyOptionsWithoutWorkers } = tinyOptions;
const draft = (options: Draft['options'] = {}, preset = 'none', hours: number | null = null): Draft => ({
  ...{ dataset: 'abcd1234', preset, hours },
  options,
});

beforeAll(async () => {
  manifest = await tinyManifest();
  runs = temporaryFolder();
});

describe('the form', () => {
  test('has every option once, in groups, with presets and models', async () => {
    const { groups, options, presets, defaultPreset, models } = await ask('recipes.schema', {});
    expect(options.length).toBe(new Set(options.map(({ name }) => name)).size);
    expect(options.find(({ name }) => name === 'local_crops_number')).toMatchObject({
      ...{ title: 'Local crops', group: 'crops', original: '--local_crops_number', minimum: 0, maximum: 64, default: 0 },
    });
    expect(options.find(({ name }) => name === 'embed_dim')).toMatchObject({ default: null, original: null });
    expect(options.find(({ name }) => name === 'arch')!.choices).toContainEqual({
      ...{ value: 'swin_tiny', refused: expect.stringMatching(/Swin/) as string },
    });
    const order = groups.map(({ name }) => name);
    const places = options.map(({ group }) => order.indexOf(group));
    expect(places).toEqual([...places].sort((a, b) => a - b));
    expect(presets.find(({ name }) => name === defaultPreset)?.takesTime).toBe(true);
    const small = models.find(({ title }) => title === 'ViT-S/16')!;
    // timm: vit_small_patch16_224 without classifier.
    expect(small.parameters).toBe(21_665_664);
    expect(resolveRecipe(small.options)).toMatchObject({ embed_dim: 384, patch_size: 16 });
  });
});

describe('a check', () => {
  test('tells what a draft comes to, and where each value comes from', async () => {
    const told = await ask('recipes.check', draft(tinyOptions));
    expect(told.problems).toEqual([]);
    expect(told.trainingPictures).toBe(splitIndices(manifest, 'train').length);
    expect(told.trainingPictures + told.heldOutPictures).toBe(24);
    expect(told.values.embed_dim).toEqual({ value: 16, origin: 'given' });
    const { memory, steps, stepsPerEpoch, seconds, picturesPerSecond, disk, views } = told.budget!;
    const needed = memoryOf(await testGpu(), resolveRecipe(told.recipe!))!;
    expect(memory.neededBytes).toBe(needed.arenaBytes + needed.stateBytes);
    expect(memory.parts.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(memory.neededBytes);
    expect(memory.parts.every(({ bytes }) => bytes >= 0)).toBe(true);
    expect(memory).toMatchObject({ fits: true, accumulate: 1 });
    expect([steps, stepsPerEpoch, views]).toEqual([6, 2, 48]);
    expect(seconds).toBeCloseTo(views / picturesPerSecond, 6);
    expect(disk.fits).toBe(true);
    expect(told.schedules!.learningRate.length).toBe(128);
    expect(told.schedules!.steps.at(-1)).toBe(5);
    expect(told.suggestedName).toBe('bob-s-birds-more-16x2-8-01');
  });

  test('origins: preset, derived, default; taken names are passed over', async () => {
    taken.add('bob-s-birds-more-s16-01');
    const { values, problems, suggestedName, notes } = await ask('recipes.check', draft({ epochs: 40 }, 'paper-vit-s'));
    taken.clear();
    expect(values.lr).toEqual({ value: 0.0005, origin: 'preset' });
    expect(values.epochs).toEqual({ value: 40, origin: 'given' });
    expect(values.embed_dim).toEqual({ value: 384, origin: 'derived' });
    expect(values.weight_decay).toEqual({ value: 0.04, origin: 'default' });
    expect(values.batch_size).toEqual({ value: 19, origin: 'derived' });
    expect(notes.map(({ message }) => message).join()).toMatch(/batch_size was lowered from 1024 to 19/);
    expect(suggestedName).toBe('bob-s-birds-more-s16-02');
    expect(problems.map(({ options: [first] }) => first)).not.toContain('epochs');
  });

  test('impossible combinations are all told, with ways out that lead out', async () => {
    const options = { ...tinyOptions, patch_out_dim: 128, global_crops_size: 36, lr: -1 };
    const { problems, recipe, values, model } = await ask('recipes.check', draft(options));
    expect(problems.map(({ options: [first] }) => first)).toEqual(['lr', 'patch_out_dim', 'global_crops_size']);
    expect(problems[1]!.message).toBe('patch_out_dim 128 must equal out_dim 64 while the teacher shares its head.');
    expect(recipe).toBeNull();
    expect(values.patch_out_dim).toEqual({ value: 128, origin: 'given' });
    expect(model).toBe('ViT 16×2/8');
    const mended: Record<string, unknown> = { ...options };
    for (const { waysOut } of problems) Object.assign(mended, waysOut[0]!.changes);
    const { lr, ...rest } = mended;
    expect(lr).toBeNull();
    expect((await ask('recipes.check', draft(rest as Draft['options']))).problems).toEqual([]);
  });

  test('threads are those of the settings, unless the run has its own', async () => {
    workers = 8;
    const usual = await ask('recipes.check', draft(tinyOptionsWithoutWorkers));
    expect(usual.values.workers).toEqual({ value: 8, origin: 'default' });
    expect(usual.recipe!.workers).toBe(8);
    const own = await ask('recipes.check', draft({ ...tinyOptionsWithoutWorkers, workers: 2 }, 'paper-vit-s'));
    expect(own.values.workers).toEqual({ value: 2, origin: 'given' });
    workers = 0;
    expect((await ask('recipes.check', draft(tinyOptionsWithoutWorkers))).values.workers).toEqual({ value: 0, origin: 'default' });
  });

  test('crops that are larger than can be cut are refused, with a way out', async () => {
    const { problems } = await ask('recipes.check', draft({ ...tinyOptions, patch_size: 64, global_crops_size: 2112, local_crops_size: 2112 }));
    expect(problems.map(({ options: [first] }) => first)).toEqual(['global_crops_size', 'local_crops_size']);
    expect(problems[0]!.message).toMatch(/at most 2048/);
  });

  test('what comes to nothing is noted: masks that find no place, and a teacher that never changes', () => {
    const noted = (options: Draft['options']): string => {
      const notes = notesOf(resolveRecipe({ ...tinyOptions, ...options }), {}, { side: 40, heldOutPictures: 5 });
      return notes.map(({ options: about, message }) => `${about.join()}: ${message}`).join('\n');
    };
    const nothing = /^pred_ratio.*so nothing is masked/m;
    expect(noted({ pred_ratio: [0.3], global_crops_size: 64 })).not.toMatch(nothing);
    expect(noted({ pred_ratio: [0.3], global_crops_size: 64, pred_aspect_ratio: [100, 200] })).toMatch(nothing);
    expect(noted({ pred_ratio: [0.3], global_crops_size: 8, local_crops_number: 0 })).toMatch(nothing);
    expect(noted({ pred_ratio: [0.05], pred_shape: 'rand' })).toMatch(/less than one patch, so nothing is masked/);
    expect(noted({ momentum_teacher: 0.999 })).not.toMatch(/momentum/);
    expect(noted({ momentum_teacher: 1 })).toMatch(/the teacher never changes/);
  });

  test('a run that does not fit says in how many parts it does', async () => {
    const gpu = await testGpu();
    const whole = memoryOf(gpu, tinyRecipe())!;
    memoryBytes = whole.arenaBytes * 0.6 + whole.stateBytes;
    const { problems, recipe, budget } = await ask('recipes.check', draft(tinyOptions));
    const { accumulate } = fitMemory(gpu, tinyRecipe(), memoryBytes).recipe;
    expect(accumulate).toBeGreaterThan(1);
    expect(problems[0]!.waysOut[0]!.changes).toEqual({ accumulate });
    expect([recipe, budget!.memory.fits]).toEqual([null, false]);
    for (const { changes } of problems[0]!.waysOut) {
      expect((await ask('recipes.check', draft({ ...tinyOptions, ...(changes as Draft['options']) }))).problems).toEqual([]);
    }
    memoryBytes = 4 * GIB;
  });

  test('the parts of a batch are those that the command line finds', async () => {
    const gpu = await testGpu();
    const recipe = tinyRecipe({ batch_size: 24, local_crops_number: 0 });
    const layouts = new RecipeMemory();
    const whole = memoryOf(gpu, recipe)!;
    for (const share of [1.01, 0.7, 0.4, 0.1]) {
      const bytes = whole.arenaBytes * share + whole.stateBytes;
      expect((await layouts.fit(gpu, recipe, bytes))?.accumulate).toBe(fitMemory(gpu, recipe, bytes).recipe.accumulate);
    }
    expect(await layouts.fit(gpu, recipe, 1000)).toBeUndefined();
    await expect(layouts.fit(gpu, recipe, 1000, AbortSignal.abort(new Error('over')))).rejects.toThrow('over');
  });

  test('auto gives reasons, takes the time there is, and says when it is too short', async () => {
    const given = { embed_dim: 16, depth: 2, num_heads: 2, patch_size: 8, global_crops_size: 32, local_crops_size: 16, out_dim: 64 };
    const short = await ask('recipes.check', draft(given, 'auto', 0.001));
    expect(short.problems).toEqual([]);
    expect(short.reasons.length).toBeGreaterThan(2);
    expect(short.values.koleo_weight!.origin).toBe('preset');
    expect(short.budget!.tooShort!.hours).toBeGreaterThan(0.001);
    // 19 pictures are gone through 800 times and no more.
    const few = await ask('recipes.check', draft(given, 'auto', 1));
    expect(few.budget!.tooShort).toBeNull();
    expect(few.notes.map(({ message }) => message).join()).toMatch(/too few to learn/);
    const filled = await ask('recipes.check', draft({ ...given, epochs: 100 }, 'auto', 2));
    expect(filled.budget!.epochsThatFill! / 100).toBeCloseTo(7200 / filled.budget!.seconds, 1);
    const none = await ask('recipes.check', draft({ epochs: 0.001 }, 'auto', 1));
    expect(none.problems).toHaveLength(1);
    expect(none.problems[0]!.message).toMatch(/no time to train in/);
    expect(none.problems[0]!.waysOut[0]!.changes).toEqual({ epochs: null });
    const torn = await ask('recipes.check', draft({ arch: 'vit_tiny', num_heads: 5 }, 'auto', 1));
    expect(torn.problems.map(({ options: [first] }) => first)).toEqual(['embed_dim']);
    expect(torn.values.num_heads).toEqual({ value: 5, origin: 'given' });
  });

  test('is quick once the device and the shapes are known', async () => {
    const { handlers } = area();
    const check = handlers['recipes.check'];
    const signal = new AbortController().signal;
    await check(draft(tinyOptions), { signal });
    const begin = performance.now();
    await check(draft({ ...tinyOptions, lr: 0.02 }), { signal });
    expect(performance.now() - begin).toBeLessThan(300);
  });

  test('goes by the memory that the device has now', async () => {
    const { handlers } = area();
    const there = async (): Promise<number | undefined> => {
      const told = await handlers['recipes.check'](draft(tinyOptions), { signal: new AbortController().signal });
      return told.budget?.memory.thereBytes;
    };
    expect(await there()).toBe(4 * GIB);
    memoryBytes = 5 * GIB;
    expect(await there()).toBe(5 * GIB);
    memoryBytes = 4 * GIB;
  });

  test('an unknown preset and a set without training pictures are refused in a sentence', async () => {
    await expect(ask('recipes.check', draft({}, 'fastest'))).rejects.toThrow(/There is no preset fastest/);
    const whole = manifest;
    manifest = { ...whole, pictures: whole.pictures.map((picture) => ({ ...picture, split: 'held-out' as const })) };
    await expect(ask('recipes.check', draft(tinyOptions))).rejects.toThrow(/no pictures to train on/);
    manifest = whole;
  });
});

describe('the command', () => {
  /** What the command line makes of the command, up to where it would measure and train. */
  async function understood(wanted: Draft, name?: string) {
    const { command } = await ask('recipes.command', name === undefined ? { draft: wanted } : { draft: wanted, name });
    const words = execFileSync('sh', ['-c', `printf '%s\\0' ${command}`]).toString().split('\0').slice(0, -1);
    const parser = new Command('train');
    addTrainFlags(parser);
    parser.parse(plainWords(words.slice(words.indexOf('train') + 1)), { from: 'user' });
    return { words, flags: parser.opts<TrainFlags>(), ...(await askedRun(parser.args[0], parser.opts<TrainFlags>())) };
  }

  test('is what a shell gives back word by word', async () => {
    const words = ["it's", 'a b', '$HOME `x` "q" \\', '~/x', '', '--pred_ratio', 'ü—'];
    const printed = execFileSync('sh', ['-c', `printf '%s\\0' ${words.map(shellWord).join(' ')}`]).toString();
    expect(printed.split('\0').slice(0, -1)).toEqual(words);
  });

  test('makes the same run: the same options, whatever they came from', async () => {
    const small = { embed_dim: 16, depth: 2, num_heads: 2, patch_size: 8, global_crops_size: 32, local_crops_size: 16, out_dim: 64 };
    const byHand = { ...tinyOptions, seed: 5, hold_out: 0.3, shared_head: true, pred_ratio: [0, 0.3], pred_ratio_var: [0] };
    for (const wanted of [draft(byHand), draft(small, 'auto', 0.001), draft({ ...tinyOptions, epochs: 40 }, 'paper-vit-s')]) {
      const { recipe, manifest: found } = await understood(wanted);
      expect({ ...recipe, output_dir: '' }).toEqual(await area().context.recipes.resolve(wanted));
      expect(found).toEqual(manifest);
    }
  });

  test('makes the same run: the same pictures in their order, with classes and sides of the dataset', async () => {
    const whole = manifest;
    const classes = [' one "1", x', 'two'];
    const kept = whole.pictures.filter((_, i) => i % 5 !== 0);
    const pictures = kept.map((each, i) => ({ ...each, label: (i % 3) - 1, split: i % 4 ? ('train' as const) : ('held-out' as const) }));
    manifest = { ...whole, classes, pictures };
    const { manifest: found, problems } = await understood(draft({ ...tinyOptions, seed: 5 }));
    expect(found).toEqual(manifest);
    expect(problems).toEqual([]);
    manifest = whole;
  });

  test('begins with what can be started from any folder, and makes a run of the name that was chosen', async () => {
    const { words, out, flags } = await understood(draft(tinyOptions), 'my run');
    expect(words[0]).toBe('node');
    expect(words[1]).toMatch(/ibot\.mjs$/);
    expect(existsSync(words[1]!)).toBe(true);
    expect(out).toBe(join(runs, 'my run'));
    expect(flags).toMatchObject({ preset: 'none', panels: true });
    expect(flags.allowBad).toBeUndefined();
    taken.add('my run');
    await expect(understood(draft(tinyOptions), 'my run')).rejects.toThrow(/There is a run named my run already/);
    taken.clear();
    await expect(understood(draft({ ...tinyOptions, patch_out_dim: 5 }))).rejects.toThrow(/must equal out_dim/);
  });
});

describe('a preview', () => {
  const wanted = { dataset: 'abcd1234', recipe: { ...tinyOptions, pred_ratio: [0.3] }, places: [0, 1], draw: 3, size: 32 };

  test('shows the crops and masks that training draws', async () => {
    const { total, pictures } = await ask('recipes.preview', wanted);
    const recipe = resolveRecipe(wanted.recipe);
    expect(total).toBe(splitIndices(manifest, 'train').length);
    expect(pictures.map(({ path }) => path.split('/')[0]).sort()).toEqual(['even', 'odd']);
    for (const { path, picture, image, crops, patchSize } of pictures) {
      const index = manifest.pictures.findIndex((entry) => entry.path === path);
      expect(picture).toBe(100 + index);
      expect(Math.max(image.width, image.height)).toBe(32);
      expect(patchSize).toBe(8);
      const [width, height] = [40, path.startsWith('odd') ? 48 : 40];
      const drawn = drawCrops(cropOptionsOf(recipe), recipe.seed, 3, index, width, height);
      const masks = drawMasks(maskOptionsOf(recipe), recipe.seed, 3, [index], 2);
      expect(crops.map(({ kind }) => kind)).toEqual(['global', 'global', 'local', 'local']);
      crops.forEach((crop, i) => {
        expect(crop.box.x * width).toBeCloseTo(drawn[i]!.left, 6);
        expect(crop.box.height * height).toBeCloseTo(drawn[i]!.height, 6);
        expect([crop.mirrored, crop.grey, crop.solarised]).toEqual([drawn[i]!.flip, drawn[i]!.grayscale, drawn[i]!.solarise]);
        expect(crop.image.width).toBe(i < 2 ? 32 : 16);
        const mask = masks[i];
        expect(crop.masked).toBe(mask ? mask.reduce((a, b) => a + b, 0) : 0);
        if (crop.masked > 0) expect([...crop.mask!.values]).toEqual([...mask!]);
        else expect(crop.mask).toBeNull();
      });
    }
    expect(pictures.some(({ crops }) => crops.some(({ masked }) => masked > 0))).toBe(true);
  });

  test('is the same for the same draw and another for another', async () => {
    const [one, again, other] = await Promise.all([3, 3, 4].map((draw) => ask('recipes.preview', { ...wanted, draw })));
    expect(again).toEqual(one);
    expect(other!.pictures[0]!.crops.map(({ box }) => box)).not.toEqual(one!.pictures[0]!.crops.map(({ box }) => box));
  });

  test('shows nothing from outside the folder, also where a picture has become a link', async () => {
    const { pictures } = await ask('recipes.preview', { ...wanted, places: [4] });
    const [inside, outside] = [picturePath(manifest, pictures[0]!), join(temporaryFolder(), 'moved.png')];
    await rename(inside, outside);
    await symlink(outside, inside);
    const next = await ask('recipes.preview', { ...wanted, places: [4] });
    await rm(inside);
    await rename(outside, inside);
    expect(next.pictures.map(({ place }) => place)).toEqual([5]);
  });

  test('passes over what cannot be read, refuses what is too large, ends when nobody waits', async () => {
    const { pictures } = await ask('recipes.preview', { ...wanted, places: [2] });
    const whole = manifest;
    await rm(picturePath(manifest, { path: pictures[0]!.path }));
    const next = await ask('recipes.preview', { ...wanted, places: [2] });
    expect(next.pictures[0]!.place).toBe(3);
    manifest = { ...whole, root: join(whole.root, 'gone') };
    await expect(ask('recipes.preview', wanted)).rejects.toThrow(/can be read/);
    manifest = whole;
    const huge = { ...wanted.recipe, global_crops_size: 2048, local_crops_size: 2048, local_crops_number: 64 };
    await expect(ask('recipes.preview', { ...wanted, recipe: huge })).rejects.toThrow(/too large to be shown/);
    const gone = AbortSignal.abort(new Error('nobody waits'));
    await expect(area().handlers['recipes.preview'](wanted, { signal: gone })).rejects.toThrow('nobody waits');
  });

  test('draws spread as the options say', async () => {
    const recipe = { ...tinyOptions, global_crops_size: 64, pred_shape: 'rand', pred_ratio: [0, 0.3], pred_ratio_var: [0, 0.2] };
    const { masked, meanMasked, globalArea, localArea } = await ask('recipes.draws', { recipe });
    expect(masked.counts.reduce((a, b) => a + b, 0)).toBe(1000);
    // Half of the crops are whole, the others masked by 0.1 … 0.5.
    expect(masked.counts[0]! / 1000).toBeCloseTo(0.5, 1);
    expect(meanMasked).toBeCloseTo(0.145, 1);
    expect(masked.counts.slice(20).reduce((a, b) => a + b, 0)).toBe(0);
    expect(globalArea.counts.slice(0, 5).reduce((a, b) => a + b, 0)).toBe(0);
    expect(localArea!.counts.slice(17).reduce((a, b) => a + b, 0)).toBe(0);
    expect((await ask('recipes.draws', { recipe: { ...recipe, local_crops_number: 0 } })).localArea).toBeNull();
  });
});

describe('options as files', () => {
  test('go out and come back', async () => {
    const before = asked;
    const { fileName, text } = await ask('recipes.write', draft(tinyOptions));
    // Planned once.
    expect(asked - before).toBe(1);
    expect(fileName).toBe('bob-s-birds-more-16x2-8-01.json');
    const { options, refused } = await ask('recipes.read', { text });
    expect(refused).toEqual([]);
    expect(resolveRecipe(options)).toEqual(tinyRecipe());
    await expect(ask('recipes.write', draft({ patch_out_dim: 5 }))).rejects.toThrow(/must equal out_dim/);
  });

  test('hostile ones are understood as far as they can be', async () => {
    const text =
      '\uFEFF{"batch-size-per-gpu": 8, "__proto__": {"lr": 1}, "constructor": 1, "lr": 1e999, "epochs": "many", "arch": "deit_small",' +
      '"data_path": "/etc", "use_fp16": true, "pred_ratio": [[1]], "depht": 3}';
    const { options, refused } = await ask('recipes.read', { text });
    expect(options).toEqual({ batch_size: 8, arch: 'vit_small' });
    expect(refused.join('\n')).toMatch(/__proto__[^]*constructor[^]*epochs must be[^]*use_fp16[^]*did you mean depth/);
    expect(({} as Record<string, unknown>).lr).toBeUndefined();
    const many = JSON.stringify(Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`o${i}${'x'.repeat(300)}`, 1])));
    const told = (await ask('recipes.read', { text: many })).refused;
    expect(told).toHaveLength(21);
    expect(Math.max(...told.map(({ length }) => length))).toBeLessThan(210);
    for (const bad of ['', 'epochs', '[1]', '3', 'null', '['.repeat(100_000), '{"format": "pictures"}']) {
      await expect(ask('recipes.read', { text: bad })).rejects.toThrow(/JSON|options/);
    }
  });

  test("a run's record gives what was set by hand", async () => {
    const text = JSON.stringify({ format: 'ibot-workbench run', recipe: { ...tinyRecipe(), data_path: '/somewhere' } });
    const { options, refused } = await ask('recipes.read', { text });
    expect(refused).toEqual([]);
    expect(options).not.toHaveProperty('patch_out_dim');
    expect(options).not.toHaveProperty('weight_decay');
    expect(resolveRecipe(options)).toEqual(tinyRecipe());
  });

  test('a run can be made again, also where its dataset is gone', async () => {
    const folder = join(runs, 'first');
    await mkdir(folder);
    const record: RunRecord = {
      ...{ format: 'ibot-workbench run', version: 1, program: { version: '1', node: '20' }, created: '', state: 'stopped' },
      ...{ reason: null, step: 0, recipe: tinyRecipe({ lr: 0.02 }), allowBad: false, kernels: null },
      device: { name: '', vendor: '', architecture: '', description: '', software: true, subgroupSize: 0 },
      data: { root: manifest.root, trainingPictures: 19, heldOutPictures: 5, classes: 2, manifestHash: '' },
      sizes: { parameters: 1, stepsPerEpoch: 2, steps: 6, memoryBytes: null },
    };
    await writeRunRecord(join(folder, 'run.json'), record);
    const { dataset, preset, hours, options, changed } = await ask('recipes.fromRun', { run: 'first' });
    expect([dataset, preset, hours]).toEqual(['abcd1234', 'none', null]);
    expect(resolveRecipe(options)).toEqual(tinyRecipe({ lr: 0.02 }));
    expect(changed).toEqual(expect.arrayContaining(['lr', 'embed_dim', 'patch_out_dim']));
    expect(changed).not.toContain('weight_decay');
    const { recipe } = await ask('recipes.check', { dataset: dataset!, preset, hours, options });
    expect(resolveRecipe(recipe!)).toEqual(tinyRecipe({ lr: 0.02 }));
    madeFrom = undefined;
    expect((await ask('recipes.fromRun', { run: 'first' })).dataset).toBeNull();
  });

  test('what a check tells is what the run begins with', async () => {
    const { context } = area();
    const { recipe } = await ask('recipes.check', draft(tinyOptions));
    expect(await context.recipes.resolve(draft(tinyOptions))).toEqual(resolveRecipe({ ...recipe, data_path: manifest.root }));
    await expect(context.recipes.resolve(draft({ ...tinyOptions, patch_out_dim: 5 }))).rejects.toThrow(/must equal out_dim/);
  });
});
