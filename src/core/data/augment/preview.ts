import { ndarray, type NdArray } from '../../array.js';
import { compile, type CompileOptions } from '../../engine/index.js';
import { input, trace } from '../../graph/index.js';
import type { Stream } from '../../random.js';
import { augment } from './augment.js';
import { declarePlan, planInputs, planView, type ViewDims } from './plan.js';
import type { ViewAugmentation } from './views.js';

/** One augmented view of images [B, C, H, W] in [0, 1], as uint8 [B, C, size, size], for people to look at. */
export async function augmentedImages(
  images: NdArray<Float32Array>, view: ViewAugmentation, dims: ViewDims, random: Stream, compute: CompileOptions = {},
): Promise<NdArray<Uint8Array>> {
  const program = trace((current) => {
    const raw = input('images', images.shape);
    const views = augment(raw, declarePlan('view', view, dims), view);
    return {
      name: 'preview', state: [], outputs: new Map([['views', views]]), inputs: current.nodes.filter(({ op }) => op === 'input'),
    };
  });
  const executable = compile(program, compute);
  try {
    const { views } = await executable.run({ images, ...planInputs('view', planView(view, dims, random)) });
    return ndarray('uint8', views!.shape, Uint8Array.from(views!.data as Float32Array, (v) => Math.round(v * 255)));
  } finally {
    executable.dispose();
  }
}

/** Images [N, C, h, w] in the middle of black ones [N, C, H, W]; those that are as large stay as they are. */
export function framed(images: NdArray<Uint8Array>, tall: number, wide: number = tall): NdArray<Uint8Array> {
  const [count, channels, height, width] = images.shape as [number, number, number, number];
  if (height === tall && width === wide) return images;
  const out = new Uint8Array(count * channels * tall * wide);
  const [top, left] = [tall - height, wide - width].map((rest) => Math.floor(rest / 2)) as [number, number];
  for (let row = 0; row < count * channels * height; row++) {
    const [plane, y] = [Math.floor(row / height), row % height];
    out.set(images.data.subarray(row * width, (row + 1) * width), (plane * tall + top + y) * wide + left);
  }
  return ndarray('uint8', [count, channels, tall, wide], out);
}
