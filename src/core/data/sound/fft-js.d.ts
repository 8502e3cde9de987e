/** The part of fft.js 4 that is used: complex transforms of interleaved parts. */
declare module 'fft.js' {
  export default class FFT {
    constructor(size: number);
    transform(out: Float64Array, values: Float64Array): void;
  }
}
