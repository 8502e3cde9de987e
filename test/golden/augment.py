#!/usr/bin/env python3
"""Golden values of BYOL's image augmentations, in plain numpy and float64 -> augment.json.

    python3 test/golden/augment.py

Follows Grill et al. 2020 in the order of the official code: bicubic crop, flip, colour jitter in a given order,
grayscale, blur, solarise; values in [0, 1], clipped after every step. Fixed here where papers leave it open:
- Bicubic as in PIL: Keys' kernel with a = -0.5, widened by the scale when shrinking (antialiasing); columns first, and
  the crop is cut out beforehand, so its edges see nothing from outside it; weights that fall outside are dropped and
  the rest renormalised.
- Blur: kernel of 2 * floor(size / 20) + 1 taps (1 below size 20: no blur), edges by reflection without repeating the
  edge pixel, as torchvision does (the official code pads with zeros, which darkens borders).
- Solarise after the blur; x -> 1 - x where x >= threshold.

Each case: {name, image (uint8, [3, height, width]), size, crop [y0, x0, height, width], parameters, steps}, steps being
[{op, output}] with the image [3, size, size] behind each step, to 9 significant digits. A null parameter means that its
step is left out. Brightness is added; contrast scales around each channel's mean; saturation scales S of HSV; hue is
added to H, in full turns.
"""

import json
import math
import pathlib
import zlib

import numpy as np

GRAY_WEIGHTS = np.array([0.2989, 0.5870, 0.1140])


def cubic(t, a=-0.5):
    """Keys' kernel, support 2."""
    t = np.abs(t)
    near = (a + 2) * t ** 3 - (a + 3) * t ** 2 + 1
    far = a * t ** 3 - 5 * a * t ** 2 + 8 * a * t - 4 * a
    return np.where(t < 1, near, np.where(t < 2, far, 0))


def resize_matrix(inputs, outputs):
    """[outputs, inputs] weights that resample a line; rows sum to 1."""
    ratio = inputs / outputs
    scale = max(ratio, 1.0)
    centres = (np.arange(outputs)[:, None] + 0.5) * ratio
    weights = cubic((np.arange(inputs) + 0.5 - centres) / scale)
    return weights / weights.sum(1, keepdims=True)


def resized_crop(image, crop, size):
    y0, x0, height, width = crop
    part = image[:, y0:y0 + height, x0:x0 + width]
    return resize_matrix(height, size) @ part @ resize_matrix(width, size).T


def brightness(image, delta):
    return image + delta


def contrast(image, factor):
    mean = image.mean((1, 2), keepdims=True)
    return mean + factor * (image - mean)


def rgb_to_hsv(image):
    """Hue in [0, 1), saturation and value in [0, 1]; hue and saturation of greys are 0."""
    red, green, blue = image
    value, chroma = image.max(0), image.max(0) - image.min(0)
    divisor = np.where(chroma > 0, chroma, 1)
    sector = np.where(value == red, ((green - blue) / divisor) % 6,
                      np.where(value == green, (blue - red) / divisor + 2, (red - green) / divisor + 4))
    saturation = np.where(value > 0, chroma / np.where(value > 0, value, 1), 0)
    return np.stack((np.where(chroma > 0, sector / 6, 0), saturation, value))


def hsv_to_rgb(hsv):
    hue, saturation, value = hsv
    offsets = np.array([5, 3, 1])[:, None, None]
    k = (offsets + hue * 6) % 6
    return value - value * saturation * np.clip(np.minimum(k, 4 - k), 0, 1)


def saturation(image, factor):
    hue, amount, value = rgb_to_hsv(image)
    return hsv_to_rgb(np.stack((hue, np.clip(amount * factor, 0, 1), value)))


def hue(image, delta):
    angle, amount, value = rgb_to_hsv(image)
    return hsv_to_rgb(np.stack(((angle + delta) % 1, amount, value)))


def grayscale(image):
    return np.broadcast_to(np.tensordot(GRAY_WEIGHTS, image, 1), image.shape)


def blur_matrix(size, sigma):
    """[size, size] weights of a Gaussian with reflected edges along one axis."""
    radius = size // 20
    taps = np.exp(-np.arange(-radius, radius + 1) ** 2 / (2 * sigma ** 2))
    matrix = np.zeros((size, size))
    for row in range(size):
        for offset, tap in zip(range(-radius, radius + 1), taps / taps.sum()):
            column = abs(row + offset)
            matrix[row, column if column < size else 2 * (size - 1) - column] += tap
    return matrix


def blur(image, sigma):
    matrix = blur_matrix(image.shape[1], sigma)
    return matrix @ image @ matrix.T


def solarise(image, threshold):
    return np.where(image >= threshold, 1 - image, image)


JITTER = {'brightness': brightness, 'contrast': contrast, 'saturation': saturation, 'hue': hue}


def augmentation(parameters, crop, size):
    """The steps of one case as (name, function of the image)."""
    yield 'crop', lambda image: resized_crop(image, crop, size)
    if parameters['flip']:
        yield 'flip', lambda image: image[:, :, ::-1]
    for name in parameters['order']:
        yield name, lambda image: JITTER[name](image, parameters[name])
    if parameters['grayscale']:
        yield 'grayscale', grayscale
    if parameters['blurSigma'] is not None:
        yield 'blur', lambda image: blur(image, parameters['blurSigma'])
    if parameters['solariseThreshold'] is not None:
        yield 'solarise', lambda image: solarise(image, parameters['solariseThreshold'])


def synthetic_image(name, height, width):
    """Coloured gradients with noise: smooth areas, edges and saturated pixels, from the case's name."""
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(2 * math.pi * (a * y + b * x + c)) for a, b, c in rng.uniform(-2, 2, (3, 3))]
    noisy = 128 + 120 * np.stack(waves) + rng.normal(0, 30, (3, height, width))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def stored(array):
    return {'shape': list(array.shape), 'data': [float(f'{value:.9g}') + 0.0 for value in array.ravel()]}


def case(name, image_size, crop, size, flip=False, order=(), gray=False, sigma=None, threshold=None, **jitter):
    pixels = synthetic_image(name, *image_size)
    parameters = {
        'flip': flip, 'order': list(order), **{key: jitter.get(key) for key in JITTER},
        'grayscale': gray, 'blurSigma': sigma, 'solariseThreshold': threshold,
    }
    image, steps = pixels / 255, []
    for op, function in augmentation(parameters, crop, size):
        image = np.clip(function(image), 0, 1)
        steps.append({'op': op, 'output': stored(image)})
    return {
        'name': name, 'image': {'shape': list(pixels.shape), 'dtype': 'uint8', 'data': pixels.ravel().tolist()},
        'size': size, 'crop': list(crop), 'parameters': parameters, 'steps': steps,
    }


def cases():
    yield case('whole image, smaller', (20, 24), (0, 0, 20, 24), 16)
    yield case('small crop, enlarged and flipped', (20, 24), (3, 5, 9, 7), 16, flip=True)
    yield case('all jitters', (20, 24), (1, 2, 18, 20), 16, flip=True,
               order=('brightness', 'contrast', 'saturation', 'hue'),
               brightness=0.31, contrast=1.35, saturation=1.18, hue=-0.08)
    yield case('all jitters in another order, then gray', (20, 24), (4, 0, 16, 16), 16,
               order=('hue', 'saturation', 'brightness', 'contrast'), gray=True,
               brightness=-0.27, contrast=0.65, saturation=0.83, hue=0.097)
    yield case('blur of 3 taps, solarised', (20, 24), (2, 3, 17, 13), 20, sigma=0.7, threshold=0.5)
    yield case('blur of 5 taps after jitter, solarised', (30, 28), (0, 4, 30, 22), 40, flip=True,
               order=('contrast', 'hue'), contrast=0.8, hue=0.05, sigma=1.9, threshold=0.5)


def main():
    body = ',\n'.join(json.dumps(entry, separators=(',', ':')) for entry in cases())
    pathlib.Path(__file__).with_suffix('.json').write_text(f'[\n{body}\n]\n')


if __name__ == '__main__':
    main()
