import FFT from 'fft.js';
import { InputError } from '../../errors.js';

/** A Fourier transform of one length, with its tables. */
export interface Fft {
  readonly size: number;
  /**
   * X_k = sum_n x_n exp(-2 pi i k n / size) of [2 size] numbers, the real and the imaginary part of one value after another; the
   * result is overwritten by the next call.
   */
  (values: Float64Array): Float64Array;
}

/** The fast Fourier transform of a length; throws InputError where that is no power of two from 2. */
export function fft(size: number): Fft {
  if (!Number.isInteger(Math.log2(size)) || size < 2) {
    throw new InputError(`a Fourier transform of ${size} values was asked for; give a power of two`);
  }
  const library = new FFT(size);
  const spectrum = new Float64Array(2 * size);
  const transform = (values: Float64Array): Float64Array => {
    if (values.length !== 2 * size) {
      throw new InputError(`a Fourier transform of ${size} values got ${values.length} real and imaginary parts, not ${2 * size}`);
    }
    library.transform(spectrum, values);
    return spectrum;
  };
  return Object.assign(transform, { size });
}
