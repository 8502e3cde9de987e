import { InputError } from '../../errors.js';

/**
 * Which formulas colour jitter uses. `byol` (Grill et al. 2020, official code): brightness is added, contrast scales
 * around each channel's own mean, saturation scales S of HSV. `torchvision` (SimSiam, BYOL on STL-10): brightness is
 * multiplied, contrast blends with the image's mean grey, saturation with each pixel's grey. Hue turns H of HSV in both.
 */
export type Flavour = 'byol' | 'torchvision';

/** How one view of an image is drawn. Probabilities are per image; every random number is uniform unless said. */
export interface ViewAugmentation {
  readonly flavour: Flavour;
  /**
   * Random crop: its share of the image's area, and width / height (log-uniform). Left out: the largest square in the
   * middle. Either is resized to the view's size, bicubic and antialiased.
   */
  readonly crop?: { readonly scale: readonly [number, number]; readonly ratio: readonly [number, number] };
  /** Probability of a left-right flip. */
  readonly flip: number;
  /**
   * Probabilities, 0 where left out, of a top-down flip and of rows and columns exchanged. All three at a half make all
   * symmetries of a square: what has no upside, such as a galaxy, is turned by quarters and mirrored.
   */
  readonly flipVertical?: number;
  readonly transpose?: number;
  /**
   * Largest change of each of four steps, in an order random per image: factors are drawn from 1 - x to 1 + x, hue
   * (in turns, up to 0.5) and BYOL's brightness from -x to x.
   */
  readonly jitter: {
    readonly probability: number;
    readonly brightness: number;
    readonly contrast: number;
    readonly saturation: number;
    readonly hue: number;
  };
  /** Probability of grey (RGB images only). */
  readonly grayscale: number;
  /** Gaussian blur, its standard deviation in pixels; the kernel is a tenth of the size wide (see `blurRadius`). */
  readonly blur: { readonly probability: number; readonly sigma: readonly [number, number] };
  /** Pixels from `threshold` on are inverted. */
  readonly solarize: { readonly probability: number; readonly threshold: number };
}

const CROP_RATIO = [3 / 4, 4 / 3] as const;
const NO_JITTER = { probability: 0, brightness: 0, contrast: 0, saturation: 0, hue: 0 };
const NO_BLUR = { probability: 0, sigma: [0.1, 2] } as const;
const NO_SOLARIZE = { probability: 0, threshold: 0.5 };

const BYOL_VIEW: ViewAugmentation = {
  flavour: 'byol',
  crop: { scale: [0.08, 1], ratio: CROP_RATIO },
  flip: 0.5,
  jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.2, hue: 0.1 },
  grayscale: 0.2,
  blur: { probability: 1, sigma: [0.1, 2] },
  solarize: NO_SOLARIZE,
};

/** BYOL's two distributions T and T' (Grill et al. 2020, table 6). */
export const BYOL_VIEWS: readonly [ViewAugmentation, ViewAugmentation] = [
  BYOL_VIEW,
  { ...BYOL_VIEW, blur: { ...BYOL_VIEW.blur, probability: 0.1 }, solarize: { probability: 0.2, threshold: 0.5 } },
];

/** Barlow Twins' (Zbontar et al. 2021): BYOL's two, drawn by torchvision as in the official code. */
export const BARLOW_TWINS_VIEWS: readonly ViewAugmentation[] = BYOL_VIEWS.map((view) => ({ ...view, flavour: 'torchvision' }));

const SIMSIAM_VIEW: ViewAugmentation = {
  flavour: 'torchvision',
  crop: { scale: [0.2, 1], ratio: CROP_RATIO },
  flip: 0.5,
  jitter: { probability: 0.8, brightness: 0.4, contrast: 0.4, saturation: 0.4, hue: 0.1 },
  grayscale: 0.2,
  blur: { probability: 0.5, sigma: [0.1, 2] },
  solarize: NO_SOLARIZE,
};

/** SimSiam's (Chen & He 2021): one distribution for both views. */
export const SIMSIAM_VIEWS: readonly [ViewAugmentation, ViewAugmentation] = [SIMSIAM_VIEW, SIMSIAM_VIEW];

/** SwAV's (Caron et al. 2020), for all of its crops: SimCLR's colours at full strength. */
export const SWAV_VIEW: ViewAugmentation = {
  ...SIMSIAM_VIEW,
  crop: { scale: [0.14, 1], ratio: CROP_RATIO },
  jitter: { probability: 0.8, brightness: 0.8, contrast: 0.8, saturation: 0.8, hue: 0.2 },
};

const STL_PAPER_VIEW: ViewAugmentation = { ...SIMSIAM_VIEW, crop: undefined, blur: NO_BLUR };

/** Those of the code of Garg & Jain 2022 on STL-10: flip, colour jitter and grey; no crop, blur or solarisation. */
export const STL_PAPER_VIEWS: readonly [ViewAugmentation, ViewAugmentation] = [STL_PAPER_VIEW, STL_PAPER_VIEW];

/** The two distributions of each paper by the name of its option. */
export const VIEW_PAIRS = { byol: BYOL_VIEWS, simsiam: SIMSIAM_VIEWS, stl: STL_PAPER_VIEWS } as const;

/**
 * Galaxies' (the two views of the code of Walmsley et al. 2022): `gz2` with colour jitter, grey and blur, `zoobot` without any
 * of them. There images are turned by any angle, here by quarters.
 */
export const GALAXY_VIEWS = {
  gz2: { ...SIMSIAM_VIEW, flipVertical: 0.5, transpose: 0.5 },
  zoobot: { ...SIMSIAM_VIEW, flipVertical: 0.5, transpose: 0.5, jitter: NO_JITTER, grayscale: 0, blur: NO_BLUR },
} as const satisfies Record<string, ViewAugmentation>;

/** Random crop and flip: what linear probes are trained with. */
export const WEAK: ViewAugmentation = {
  ...BYOL_VIEW, jitter: NO_JITTER, grayscale: 0, blur: NO_BLUR, solarize: NO_SOLARIZE,
};

/** The image as it is: the largest square in its middle. */
export const PLAIN: ViewAugmentation = { ...WEAK, crop: undefined, flip: 0 };

/** Throws InputError where a probability or a range of a view makes no sense. */
export function checkView({ crop, flip, flipVertical, transpose, jitter, grayscale, blur, solarize }: ViewAugmentation): void {
  const probabilities = {
    flip, flipVertical: flipVertical ?? 0, transpose: transpose ?? 0, grayscale, 'jitter.probability': jitter.probability,
    'blur.probability': blur.probability, 'solarize.probability': solarize.probability,
  };
  for (const [name, p] of Object.entries(probabilities)) inRange(name, p, 0, 1);
  for (const name of ['brightness', 'contrast', 'saturation', 'hue'] as const) {
    inRange(`jitter.${name}`, jitter[name], 0, name === 'hue' ? 0.5 : 1);
  }
  inRange('solarize.threshold', solarize.threshold, 0, 1);
  ascending('blur.sigma', blur.sigma, Infinity);
  if (crop) {
    ascending('crop.scale', crop.scale, 1);
    ascending('crop.ratio', crop.ratio, Infinity);
  }
}

function inRange(name: string, value: number, low: number, high: number): void {
  if (!(value >= low && value <= high)) {
    throw new InputError(`the augmentation's ${name} must be between ${low} and ${high}, but is ${value}`);
  }
}

function ascending(name: string, [low, high]: readonly [number, number], limit: number): void {
  if (!(low > 0 && low <= high && high <= limit)) {
    const bound = limit === Infinity ? '' : ` and at most ${limit}`;
    throw new InputError(`the augmentation's ${name} must be two ascending numbers above 0${bound}, but is [${low}, ${high}]`);
  }
}
