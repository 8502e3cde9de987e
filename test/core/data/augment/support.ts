import { readFileSync } from 'node:fs';
import { float32, type NdArray } from '../../../../src/core/array.js';
import {
  augment, declarePlan, encodePlan, planInputs, type Flavour, type ImageAugmentation, type JitterKind, type ViewAugmentation,
  type ViewDims,
} from '../../../../src/core/data/augment/index.js';
import { compile } from '../../../../src/core/engine/index.js';
import { input, trace } from '../../../../src/core/graph/index.js';
import { stream } from '../../../../src/core/random.js';

/** A view in which every stage exists, so that given draws alone decide what happens. */
export const everything = (flavour: Flavour, threshold = 0.5): ViewAugmentation => ({
  flavour,
  crop: { scale: [0.08, 1], ratio: [3 / 4, 4 / 3] },
  flip: 0.5,
  jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.5 },
  grayscale: 0.3,
  blur: { probability: 0.5, sigma: [0.1, 2] },
  solarize: { probability: 0.4, threshold },
});

/** What leaves an image of the view's size as it is. */
export const untouched = ({ height, width }: Pick<ViewDims, 'height' | 'width'>): ImageAugmentation => ({
  crop: { top: 0, left: 0, height, width }, flip: false, jitter: [], grayscale: false, blurSigma: undefined, solarize: false,
});

/** Applies given draws to images [batch, channels, height, width] in [0, 1], on the CPU. */
export async function applyDraws(
  images: NdArray, drawn: readonly ImageAugmentation[], view: ViewAugmentation, size: number,
): Promise<NdArray<Float32Array>> {
  const [batch, channels, height, width] = images.shape;
  const dims = { batch, channels, height, width, size };
  const program = trace(() => {
    const x = input('images', images.shape);
    const plan = declarePlan('view', view, dims);
    return {
      name: 'augment', inputs: [x, ...Object.values(plan)], state: [], outputs: new Map([['y', augment(x, plan, view)]]),
    };
  });
  const executable = compile(program, { threads: 1 });
  try {
    const { y } = await executable.run({ images, ...planInputs('view', encodePlan(view, dims, drawn)) });
    return y as NdArray<Float32Array>;
  } finally {
    executable.dispose();
  }
}

/** Images with smooth areas, noise, greys, saturated and equal channels. */
export function testImages(name: string, { batch, channels, height, width }: ViewDims): NdArray<Float32Array> {
  const random = stream(3, name);
  const data = random.uniform(batch * channels * height * width, -0.2, 1.2).map((x) => Math.min(Math.max(x, 0), 1));
  const plane = height * width;
  for (let n = 0; n < batch; n++) {
    for (let p = 0; p < plane; p++) {
      const channel = (c: number): number => (n * channels + c) * plane + p;
      if (p % 7 === 0) for (let c = 1; c < channels; c++) data[channel(c)] = data[channel(0)];
      else if (p % 7 === 1 && channels === 3) data[channel(p % 3)] = data[channel((p + 1) % 3)];
      else if (p % 2 === 0) for (let c = 0; c < channels; c++) data[channel(c)] = 0.5 + 0.45 * Math.sin(p / (9 + c) + n);
    }
  }
  return float32([batch, channels, height, width], data);
}

export const largestDifference = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  if (a.length !== b.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
};

interface GoldenCase {
  name: string;
  image: { shape: [number, number, number]; data: number[] };
  size: number;
  crop: [number, number, number, number];
  parameters: Record<JitterKind, number> & {
    flip: boolean; order: JitterKind[]; grayscale: boolean; blurSigma: number | null; solariseThreshold: number | null;
  };
  steps: { op: string; output: { shape: number[]; data: number[] } }[];
}

/** The golden cases of BYOL's augmentations: images in [0, 1], what was drawn, and the image behind every step. */
export function goldenCases(): { name: string; image: NdArray; drawn: ImageAugmentation; size: number; steps: GoldenCase['steps'] }[] {
  const path = new URL('../../../golden/augment.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as GoldenCase[]).map(({ name, image, size, crop, parameters, steps }) => {
    const [top, left, height, width] = crop;
    const { flip, order, grayscale, blurSigma, solariseThreshold } = parameters;
    return {
      name, size, steps,
      image: { dtype: 'float64', shape: image.shape, data: Float64Array.from(image.data, (v) => v / 255) },
      drawn: {
        crop: { top, left, height, width }, flip, jitter: order.map((kind) => ({ kind, amount: parameters[kind] })), grayscale,
        blurSigma: blurSigma ?? undefined, solarize: solariseThreshold !== null,
      },
    };
  });
}
