import { describe, expect, it, vi } from 'vitest';
import { listenForInterrupts, readerIsGone } from '../../src/engine/cli/interrupts';
import { sayDevice } from '../../src/engine/cli/open-device';
import { duration } from '../../src/engine/cli/quantities';
import { givenOptions, plainWords } from '../../src/engine/cli/recipe-flags';
import { describeRecipe } from '../../src/engine/cli/recipe-file';
import { screenView } from '../../src/engine/cli/run-view';
import { shellWord } from '../../src/engine/launcher';
import { bar, makeScreen } from '../../src/engine/cli/screen';
import { evaluationShortSide } from '../../src/engine/data';
import { parseTimmConfig, timmArchitecture, timmConfig } from '../../src/engine/cli/timm-config';
import { resolveRecipe } from '../../src/engine/ibot/recipe';
import type { StepEvent } from '../../src/engine/runs';

describe('a command line', () => {
  it('takes options with - or _, and = or a space', () => {
    expect(plainWords(['train', '--batch-size', '64', '--lr=0.1', 'x'])).toEqual(['train', '--batch_size=64', '--lr=0.1', 'x']);
  });

  it('ends a list where its numbers end', () => {
    expect(plainWords(['train', '--pred-ratio', '0', '.3', 'photos'])).toEqual(['train', '--pred_ratio=0,.3', 'photos']);
  });

  it('takes a boolean with or without its value', () => {
    expect(plainWords(['--shared_head', 'false', 'x'])).toEqual(['--shared_head=false', 'x']);
    expect(plainWords(['--shared_head', 'x'])).toEqual(['--shared_head', 'x']);
    expect(givenOptions({ shared_head: true, norm_last_layer: 'off' })).toEqual({ shared_head: true, norm_last_layer: false });
  });

  it('leaves other words and all after -- alone', () => {
    const words = ['--out', 'a-b', '--batch-sise', '3', '--', '--batch-size', '4'];
    expect(plainWords(words)).toEqual(words);
  });

  it('gives options in their types', () => {
    const flags = { pred_ratio: ['0,0.3'], epochs: '2.5', arch: 'deit_small', seed: undefined, out: 'no option of the recipe' };
    expect(givenOptions(flags)).toEqual({ pred_ratio: [0, 0.3], epochs: 2.5, arch: 'deit_small' });
  });
});

describe('the printed recipe', () => {
  it('names every option that has a value, within the columns', () => {
    const recipe = resolveRecipe({});
    const lines = describeRecipe(recipe, 100);
    const text = lines.join('\n');
    for (const [name, value] of Object.entries(recipe)) if (value !== '') expect(text).toMatch(new RegExp(`\\b${name} `));
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
  });
});

describe('the screen', () => {
  const record = (isTTY: boolean) => {
    let written = '';
    let time = 0;
    const stream = { write: (text: string) => (written += text), isTTY, columns: 60 };
    return { screen: makeScreen(stream, () => (time += 100)), read: () => written };
  };

  it('replaces its changing line at a terminal, never wider than it', () => {
    const { screen, read } = record(true);
    screen.show('x'.repeat(100));
    screen.show('second');
    screen.say('said');
    expect(read()).toBe(`\r${'x'.repeat(59)}\x1b[K\rsecond\x1b[K\r\x1b[Ksaid\n`);
  });

  it('shows only lines that stay elsewhere', () => {
    const { screen, read } = record(false);
    screen.show('changing');
    screen.clear();
    screen.say('said');
    expect(read()).toBe('said\n');
  });

  it('draws bars of equal width', () => {
    for (const share of [-1, 0, 0.01, 0.5, 0.99, 1, 2]) expect(bar(share, 10)).toHaveLength(10);
    expect(bar(0.5, 10)).toBe('█████     ');
  });

  it('fits the progress of a run into the line', () => {
    const { screen, read } = record(true);
    const step: StepEvent = {
      event: 'step',
      step: 120,
      epoch: 3,
      loss: 9.2134,
      cls: 4,
      patch: 5.2134,
      learningRate: 1e-4,
      weightDecay: 0.04,
      momentum: 0.996,
      teacherTemperature: 0.04,
      teacherPatchTemperature: 0.07,
      gradientNorm: 1,
      teacherEntropy: 1,
      meanTeacherEntropy: 1,
      teacherPatchEntropy: 1,
      meanTeacherPatchEntropy: 1,
      koleo: 0,
      picturesPerSecond: 311.6,
      memoryBytes: 1,
      secondsLeft: 3720,
      elapsed: 60,
      waited: 0,
    };
    screenView(screen).event(step);
    expect(read()).toContain('loss 9.21');
    expect(read().replaceAll(/\r|\x1b\[K/g, '').length).toBeLessThan(60);
  });

  it('tells how to go on after a failure where there is a checkpoint, and only there', () => {
    const done = { event: 'done', state: 'failed', folder: 'runs/a', step: 7, steps: 9, knn: null, bestKnn: null, reason: 'x' } as const;
    const without = record(false);
    screenView(without.screen).event(done);
    expect(without.read()).toBe('');
    const saved = record(false);
    const view = screenView(saved.screen);
    view.event({ event: 'checkpoint', step: 5, epoch: 1, path: 'p', bytes: 1, seconds: 1 });
    view.event(done);
    expect(saved.read()).toBe('The run ended at step 7 of 9. To go on from its checkpoint of step 5: npm run ibot -- resume runs/a\n');
  });

  it('says durations as people do', () => {
    expect([42, 200, 3900, 200_000].map(duration)).toEqual(['42 s', '3 min 20 s', '1 h 05 min', '2 d 7 h']);
  });

  it('quotes a path for the shell where it must', () => {
    expect(shellWord('runs/first')).toBe('runs/first');
    expect(shellWord("my run's")).toBe("'my run'\\''s'");
  });
});

describe('the device', () => {
  const said = (kind: 'discrete' | 'software', note: string): string => {
    let text = '';
    vi.stubEnv('IBOT_DRIVER_NOTE', note);
    sayDevice(makeScreen({ write: (more: string) => (text += more) }), { adapter: { name: 'A', kind, backend: 'vulkan' } });
    vi.unstubAllEnvs();
    return text;
  };

  it('is said; of one that computes on the processor, that it is slow, and which card lies idle', () => {
    expect(said('discrete', '')).toBe('Device: A (discrete, vulkan)\n');
    const lines = said('software', 'There is a graphics card.').trim().split('\n');
    expect(lines).toEqual(['Device: A (software, vulkan)', expect.stringContaining('slowly'), 'There is a graphics card.']);
  });
});

describe('Ctrl-C', () => {
  const press = async (...pauses: number[]): Promise<{ first: number; exits: number[]; aborted: boolean }> => {
    const exits: number[] = [];
    let first = 0;
    const interrupts = listenForInterrupts(
      () => first++,
      (status) => exits.push(status),
    );
    process.emit('SIGINT');
    for (const pause of pauses) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      process.emit('SIGINT');
    }
    interrupts.release();
    return { first, exits, aborted: interrupts.signal.aborted };
  };

  it('asks for an orderly end, once', async () => {
    expect(await press(5)).toEqual({ first: 1, exits: [], aborted: true });
  });

  it('ends at once the second time', async () => {
    expect(await press(550)).toEqual({ first: 1, exits: [130], aborted: true });
  });

  it('is not pressed by a terminal that is closed, however often and late that is told', async () => {
    const exits: number[] = [];
    let first = 0;
    const interrupts = listenForInterrupts(
      () => first++,
      (status) => exits.push(status),
    );
    process.emit('SIGHUP');
    await new Promise((resolve) => setTimeout(resolve, 550));
    process.emit('SIGHUP');
    interrupts.release();
    expect({ first, exits, aborted: interrupts.signal.aborted }).toEqual({ first: 1, exits: [], aborted: true });
  });

  it('is not pressed by a reader that goes away, which asks for the orderly end alone', () => {
    expect(readerIsGone()).toBe(false);
    const exits: number[] = [];
    let first = 0;
    const interrupts = listenForInterrupts(
      () => first++,
      (status) => exits.push(status),
    );
    expect([readerIsGone(), readerIsGone()]).toEqual([true, true]);
    process.emit('SIGINT');
    interrupts.release();
    expect({ first, exits, aborted: interrupts.signal.aborted }).toEqual({ first: 1, exits: [], aborted: true });
  });
});

describe("timm's description of a model", () => {
  const model = {
    imgSize: 112,
    patchSize: 8,
    embedDim: 384,
    depth: 7,
    numHeads: 6,
    mlpRatio: 4,
    maskedImageModeling: false,
  };
  const mean = [0.485, 0.456, 0.406] as const;
  const std = [0.229, 0.224, 0.225] as const;

  it('names a model of its registry and every size', () => {
    expect(timmArchitecture(model)).toBe('vit_small_patch8_224');
    expect(timmArchitecture({ embedDim: 1024, patchSize: 8 })).toBe('vit_large_patch16_224');
    expect(timmConfig(model, mean, std)).toMatchObject({
      architecture: 'vit_small_patch8_224',
      num_features: 384,
      model_args: { img_size: 112, patch_size: 8, embed_dim: 384, depth: 7, num_heads: 6, mlp_ratio: 4, num_classes: 0 },
      pretrained_cfg: { input_size: [3, 112, 112], mean, std, crop_pct: 0.875, interpolation: 'bicubic', num_classes: 0 },
    });
  });

  it('leads to the side that pictures have here', () => {
    for (let imgSize = 8; imgSize <= 640; imgSize += 2) {
      const { pretrained_cfg } = timmConfig({ ...model, imgSize }, mean, std) as { pretrained_cfg: { crop_pct: number } };
      expect(Math.floor(imgSize / pretrained_cfg.crop_pct), String(imgSize)).toBe(evaluationShortSide(imgSize));
    }
  });

  it('is read back', () => {
    expect(parseTimmConfig(JSON.stringify(timmConfig(model, mean, std)), 'f')).toEqual({ numHeads: 6, mean, std });
    expect(parseTimmConfig('{"architecture": "deit_base_patch16_224"}', 'f').numHeads).toBe(12);
  });

  it('of another network is refused', () => {
    expect(() => parseTimmConfig('{"architecture": "resnet50"}', 'f')).toThrow(/resnet50/);
    expect(() => parseTimmConfig('[]', 'config.json')).toThrow(/config\.json does not describe/);
  });
});
