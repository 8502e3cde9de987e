#pragma once
// Batch normalisation and pooling of maps [N, C, ...].

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "parallel.h"
#include "vector.h"

namespace byo::maps {

/**
 * y = weight (x - mean) / sqrt(variance + eps) + bias per channel of x [images, channels, pixels], by the batch's own mean and population
 * variance (Ioffe & Szegedy 2015). Sums are of differences from the channel's first value, which cancel less.
 */
inline void batchNorm(
    const float* x, int images, int channels, int64_t pixels, const float* weight, const float* bias, float eps, float* y, float* mean,
    float* variance, const Parallel& parallel) {
  constexpr int STEP = 32 * LANES;
  parallel(channels, [&](int c) {
    const float shift = x[c * pixels];
    double sum = 0, squares = 0;
    const auto eachPlane = [&](const auto& visit) {
      for (int n = 0; n < images; n++) visit((int64_t(n) * channels + c) * pixels);
    };
    eachPlane([&](int64_t plane) {
      for (int64_t from = 0; from < pixels; from += STEP) {
        const int64_t to = std::min(pixels, from + STEP);
        Vec sums{}, squareSums{};
        int64_t i = from;
        for (; i + LANES <= to; i += LANES) {
          const Vec d = load(x + plane + i) - shift;
          sums += d;
          squareSums += d * d;
        }
        float rest = 0, restSquares = 0;
        for (; i < to; i++) {
          const float d = x[plane + i] - shift;
          rest += d, restSquares += d * d;
        }
        for (int lane = 0; lane < LANES; lane++) rest += sums[lane], restSquares += squareSums[lane];
        sum += rest, squares += restSquares;
      }
    });
    const double count = double(images) * double(pixels), mid = sum / count;
    const double spread = std::max(0., squares / count - mid * mid);
    mean[c] = float(shift + mid);
    variance[c] = float(spread);
    const float slope = float(weight[c] / std::sqrt(spread + eps));
    const float offset = bias[c] - slope * mean[c];
    eachPlane([&](int64_t plane) {
      for (int64_t i = 0; i < pixels; i++) y[plane + i] = x[plane + i] * slope + offset;
    });
  });
}

/**
 * Gradient of the largest of scale x scale tiles, x [planes, height, width] -> y [planes, height / scale, width / scale]: where a pixel is
 * its tile's largest, it gets the tile's gradient.
 */
inline void maxPoolGradient(
    const float* x, const float* y, const float* g, int64_t planes, int height, int width, int scale, float* dx, const Parallel& parallel) {
  const int rows = height / scale, columns = width / scale;
  inTasks(parallel, int(std::min(planes, MOST_TASKS)), planes, [&](int, int64_t begin, int64_t end) {
    for (int64_t plane = begin; plane < end; plane++) {
      for (int row = 0; row < height; row++) {
        const int64_t line = (plane * height + row) * width, pooled = (plane * rows + row / scale) * columns;
        if (scale == 2) {
          for (int column = 0; column < columns; column++) {
            const float most = y[pooled + column], gradient = g[pooled + column];
            dx[line + 2 * column] = x[line + 2 * column] == most ? gradient : 0.f;
            dx[line + 2 * column + 1] = x[line + 2 * column + 1] == most ? gradient : 0.f;
          }
        } else {
          for (int column = 0; column < width; column++) {
            const int64_t tile = pooled + column / scale;
            dx[line + column] = x[line + column] == y[tile] ? g[tile] : 0.f;
          }
        }
      }
    }
  });
}

}  // namespace byo::maps
