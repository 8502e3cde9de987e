#pragma once
// Elementary functions of a float without branches, so that loops over them become loops over vectors. Their polynomials are those of
// the Cephes library (S. Moshier), right to one or two units in the last place.

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

namespace byo::functions {

// A call within a loop would keep it from becoming one over vectors.
#define BYO_INLINE inline __attribute__((always_inline))

BYO_INLINE float fromBits(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
BYO_INLINE int32_t toBits(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

/** coefficients[0] x^(n - 1) + … + coefficients[n - 1] */
template <int N>
BYO_INLINE float polynomial(float x, const float (&coefficients)[N]) {
  float sum = coefficients[0];
#pragma GCC unroll 16
  for (int i = 1; i < N; i++) sum = sum * x + coefficients[i];
  return sum;
}

/** log 2 in two parts, the first of which multiplied by a whole number is exact. */
constexpr float LOG2_HIGH = 0.693359375f, LOG2_LOW = -2.12194440e-4f;

BYO_INLINE float choose(bool condition, float yes, float no) { return condition ? yes : no; }

BYO_INLINE float exp(float x) {
  constexpr float COEFFICIENTS[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 0.5f};
  // Below and above there are 0 and infinity.
  x = x < -104.f ? -104.f : x;
  x = x > 89.f ? 89.f : x;
  const float n = std::nearbyint(x * 1.44269504088896341f);
  const float r = (x - n * LOG2_HIGH) - n * LOG2_LOW;
  const float y = polynomial(r, COEFFICIENTS) * r * r + r + 1.f;
  // 2^n in two factors, since n goes beyond the exponents of floats.
  const int32_t half = int32_t(n * 0.5f), rest = int32_t(n) - half;
  return y * fromBits((half + 127) << 23) * fromBits((rest + 127) << 23);
}

BYO_INLINE float log(float x) {
  constexpr float COEFFICIENTS[] = {7.0376836292e-2f, -1.1514610310e-1f, 1.1676998740e-1f, -1.2420140846e-1f, 1.4249322787e-1f,
    -1.6668057665e-1f, 2.0000714765e-1f, -2.4999993993e-1f, 3.3333331174e-1f};
  const bool tiny = x < std::numeric_limits<float>::min();
  const int32_t bits = toBits(tiny ? x * 8388608.f : x);
  const float fraction = fromBits((bits & 0x007fffff) | 0x3f000000);
  const bool low = fraction < 0.707106781186547524f;
  const float m = (low ? fraction + fraction : fraction) - 1.f;
  const float e = float((bits >> 23) - 126 - (low ? 1 : 0) - (tiny ? 23 : 0));
  const float z = m * m;
  const float y = polynomial(m, COEFFICIENTS) * m * z + e * LOG2_LOW - 0.5f * z;
  float result = m + y + e * LOG2_HIGH;
  result = x < std::numeric_limits<float>::infinity() ? result : x; // NaN too
  result = x == 0.f ? -std::numeric_limits<float>::infinity() : result;
  return x < 0.f ? std::numeric_limits<float>::quiet_NaN() : result;
}

BYO_INLINE float sigmoid(float x) { return 1.f / (1.f + exp(-x)); }

BYO_INLINE float silu(float x) { return x * sigmoid(x); }

BYO_INLINE float tanh(float x) {
  constexpr float COEFFICIENTS[] = {-5.70498872745e-3f, 2.06390887954e-2f, -5.37397155531e-2f, 1.33314422036e-1f, -3.33332819422e-1f};
  const float z = x * x, size = std::fabs(x);
  const float near = polynomial(z, COEFFICIENTS) * z * x + x;
  const float far = std::copysign(1.f - 2.f / (exp(2.f * size) + 1.f), x);
  return choose(size < 0.625f, near, far);
}

/** log(1 + exp(x)) */
BYO_INLINE float softplus(float x) {
  const float e = exp(-std::fabs(x)), u = 1.f + e, d = u - 1.f;
  // Of log(1 + e) by log u, with what rounding took from u: right also where e is small.
  const float tail = choose(d == 0.f, e, log(u) * (e / choose(d == 0.f, 1.f, d)));
  return choose(x > 0.f, x, 0.f) + tail;
}

BYO_INLINE float erf(float x) {
  constexpr float NEAR[] = {7.853861353153693e-5f, -8.010193625184903e-4f, 5.188327685732524e-3f, -2.685381193529856e-2f,
    1.128358514861418e-1f, -3.761262582423300e-1f, 0.128379165726710f};
  constexpr float MIDDLE[] = {2.326819970068386e-2f, -1.387039388740657e-1f, 3.687424674597105e-1f, -5.824733027278666e-1f,
    6.210004621745983e-1f, -4.944515323274145e-1f, 3.404879937665872e-1f, -2.741127028184656e-1f, 5.638259427386472e-1f};
  constexpr float FAR[] = {-1.047766399936249e1f, 1.297719955372516e1f, -7.495518717768503f, 2.921019019210786f,
    -1.015265279202700f, 4.218463358204948e-1f, -2.820767439740514e-1f, 5.641895067754075e-1f};
  const float size = std::fabs(x), z = x * x;
  const float near = x + x * polynomial(z, NEAR); // the last coefficient without its 1, which would round most
  // 1 - erfc from 1 on; below, any number will do.
  const float q = 1.f / choose(size > 1.f, size, 1.f), y = q * q;
  const float tail = exp(-z) * q * choose(size < 2.f, polynomial(y, MIDDLE), polynomial(y, FAR));
  return choose(size < 1.f, near, std::copysign(1.f - tail, x));
}

BYO_INLINE float gelu(float x) { return 0.5f * x * (1.f + erf(x * 0.707106781186547524f)); }

BYO_INLINE float sign(float x) { return x > 0.f ? 1.f : x < 0.f ? -1.f : x; }

#undef BYO_INLINE

}  // namespace byo::functions
