import { InputError } from '../../errors.js';

/** A Fourier transform of one length, with its tables. */
export interface Fft {
  readonly size: number;
  /** X_k = sum_n x_n exp(-2 pi i k n / size), in place over the real and imaginary parts. */
  transform(real: Float64Array, imaginary: Float64Array): void;
}

/** The radix-2 transform (Cooley & Tukey 1965) of a length; throws InputError where that is no power of two. */
export function fft(size: number): Fft {
  const stages = Math.log2(size);
  if (!Number.isInteger(stages)) throw new InputError(`a Fourier transform of ${size} values was asked for; give a power of two`);
  const cosine = Float64Array.from({ length: size / 2 }, (_, k) => Math.cos((2 * Math.PI * k) / size));
  const sine = Float64Array.from({ length: size / 2 }, (_, k) => Math.sin((2 * Math.PI * k) / size));
  const reversed = new Uint32Array(size);
  for (let i = 1; i < size; i++) reversed[i] = (reversed[i >> 1]! >> 1) | ((i & 1) << (stages - 1));

  return {
    size,
    transform(real, imaginary) {
      if (real.length !== size || imaginary.length !== size) {
        throw new InputError(`a Fourier transform of ${size} values got ${real.length} real and ${imaginary.length} imaginary ones`);
      }
      for (let i = 0; i < size; i++) {
        const j = reversed[i]!;
        if (j <= i) continue;
        [real[i], real[j]] = [real[j]!, real[i]!];
        [imaginary[i], imaginary[j]] = [imaginary[j]!, imaginary[i]!];
      }
      for (let half = 1; half < size; half *= 2) {
        const stride = size / (2 * half);
        for (let start = 0; start < size; start += 2 * half) {
          for (let k = 0; k < half; k++) {
            const [low, high] = [start + k, start + k + half];
            const [c, s] = [cosine[k * stride]!, sine[k * stride]!];
            const re = c * real[high]! + s * imaginary[high]!;
            const im = c * imaginary[high]! - s * real[high]!;
            real[high] = real[low]! - re;
            imaginary[high] = imaginary[low]! - im;
            real[low]! += re;
            imaginary[low]! += im;
          }
        }
      }
    },
  };
}
