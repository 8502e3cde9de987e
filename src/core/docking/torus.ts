/** The normal distribution of angles, wrapped around the circle: density sum_k exp(-(x + 2 pi k)^2 / (2 sigma^2)). */

/** x plus a whole number of turns, in [-pi, pi). */
export const wrapAngle = (x: number): number => x - 2 * Math.PI * Math.floor((x + Math.PI) / (2 * Math.PI));

/** d log p / dx of the wrapped normal at any angle x. */
export function wrappedNormalScore(x: number, sigma: number): number {
  const { sum, moment } = images(wrapAngle(x), sigma);
  return -moment / (sum * sigma * sigma);
}

/** Mean square of the score under the distribution itself. */
export function wrappedNormalScoreNorm2(sigma: number): number {
  // Images change less than one part in 1e9 here.
  if (sigma < 0.45) return 1 / (sigma * sigma);
  // The midpoint rule converges exponentially for what is periodic and smooth.
  const POINTS = 64;
  let [mass, squares] = [0, 0];
  for (let i = 0; i < POINTS; i++) {
    const x = (2 * Math.PI * (i + 0.5)) / POINTS - Math.PI;
    const { sum, moment } = images(x, sigma);
    const p = sum * Math.exp(-x * x / (2 * sigma * sigma));
    mass += p;
    squares += p * (moment / (sum * sigma * sigma)) ** 2;
  }
  return squares / mass;
}

/** Sums over k of exp(-((x + 2 pi k)^2 - x^2) / (2 sigma^2)), and of that times x + 2 pi k; x in [-pi, pi). */
function images(x: number, sigma: number): { sum: number; moment: number } {
  const most = Math.ceil(1.5 * sigma) + 1; // nine deviations away
  let [sum, moment] = [0, 0];
  for (let k = -most; k <= most; k++) {
    const turn = 2 * Math.PI * k;
    const weight = Math.exp(-turn * (2 * x + turn) / (2 * sigma * sigma));
    sum += weight;
    moment += weight * (x + turn);
  }
  return { sum, moment };
}
