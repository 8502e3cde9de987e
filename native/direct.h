#pragma once
// Gradients of convolutions of any filter, stride and dilation: products of matrices tap by tap, with channels last in caches.

#include <algorithm>

#include "gemm.h"
#include "parallel.h"

namespace byo::direct {

/** x [count, c, height, width] and filters [k, c, filterHeight, filterWidth] -> y [count, k, rows(), columns()]. */
struct Convolution {
  int count, c, height, width, k, filterHeight, filterWidth, stride, padding, dilation;
  int rows() const { return (height + 2 * padding - dilation * (filterHeight - 1) - 1) / stride + 1; }
  int columns() const { return (width + 2 * padding - dilation * (filterWidth - 1) - 1) / stride + 1; }
  int taps() const { return filterHeight * filterWidth; }
};

/** One image's pixels with channels last, in a frame of zeros. */
struct Staged {
  int channels, height, width, top, left, bottom, right;
  int pixel() const { return roundUp(channels, LANES); }
  int row() const { return (left + width + right) * pixel(); }
  size_t size() const { return size_t(top + height + bottom) * row(); }
  /** Where a pixel is; it may lie in the frame. */
  ptrdiff_t at(int y, int x) const { return ptrdiff_t(top + y) * row() + ptrdiff_t(left + x) * pixel(); }
};

inline void stage(const float* x, const Staged& s, float* to) {
  const int pixels = s.height * s.width;
  if (s.top || s.left || s.bottom || s.right) std::memset(to, 0, s.size() * sizeof(float));
  for (int channel = 0; channel < s.channels; channel += LANES) {
    const int channels = std::min(LANES, s.channels - channel);
    int row = 0, column = 0;
    for (int pixel = 0; pixel < pixels; pixel += LANES) {
      const int count = std::min(LANES, pixels - pixel);
      Vec block[LANES];
      loadColumns(x + size_t(channel) * pixels + pixel, pixels, channels, count, block);
      for (int i = 0; i < count; i++) {
        store(to + s.at(row, column) + channel, block[i]);
        if (++column == s.width) column = 0, row++;
      }
    }
  }
}

/** Pixels [pixels][channels, filled up] with channels first again: y [channels, pixels]. */
inline void unstage(const float* m, int pixels, int channels, float* y) {
  const int row = roundUp(channels, LANES);
  for (int channel = 0; channel < channels; channel += LANES) {
    const int some = std::min(LANES, channels - channel);
    for (int pixel = 0; pixel < pixels; pixel += LANES) {
      const int count = std::min(LANES, pixels - pixel);
      Vec block[LANES] = {};
      for (int i = 0; i < count; i++) block[i] = load(m + size_t(pixel + i) * row + channel);
      transpose(block);
      for (int c = 0; c < some; c++) {
        float* to = y + size_t(channel + c) * pixels + pixel;
        if (count == LANES) store(to, block[c]);
        else storeFirst(to, block[c], count);
      }
    }
  }
}

/** Filters by taps, as panels of outputs: [taps][panels][inputs][PANEL], filled up with zeros. */
struct Panels {
  int inputs, outputs;
  int count() const { return piecesOf(outputs, PANEL); }
  size_t panel() const { return size_t(inputs) * PANEL; }
  size_t tap() const { return count() * panel(); }
};

/** From w [k, c, taps], whose filters are the inputs here: the gradient of an input is made of those of all filters. */
inline void packFilters(const float* w, const Convolution& conv, const Panels& p, float* u, const Parallel& parallel) {
  const int taps = conv.taps();
  parallel(p.count() * (PANEL / LANES), [&](int group) {
    const int first = group * LANES, count = std::max(0, std::min(LANES, p.outputs - first));
    float* to = u + size_t(first / PANEL) * p.panel() + first % PANEL;
    for (int input = 0; input < p.inputs; input++) for (int tap = 0; tap < taps; tap++) {
      const float* from = w + (size_t(input) * conv.c + first) * taps + tap;
      float* row = to + tap * p.tap() + size_t(input) * PANEL;
      for (int lane = 0; lane < LANES; lane++) row[lane] = lane < count ? from[lane * taps] : 0.f;
    }
  });
}

/** Products of some pixels with one tap's filters, added to m in all panels. */
inline void addTap(int pixels, Left a, const float* u, const Panels& p, Result m) {
  for (int panel = 0; panel < p.count(); panel++) {
    const int column = panel * PANEL;
    multiplyPanel(pixels, panelVectors(roundUp(p.outputs, LANES), column), p.inputs, a, {u + panel * p.panel(), PANEL},
      {m.at + column, m.row, true});
  }
}

/** Of positions y = phase + stride r the gradients that a tap reads: those at r + shift; nothing where the stride leaves them out. */
inline bool shiftOf(int phase, int tap, const Convolution& conv, int& shift) {
  const int distance = phase + conv.padding - tap * conv.dilation;
  if (((distance % conv.stride) + conv.stride) % conv.stride != 0) return false;
  shift = distance / conv.stride;
  return true;
}

inline void inputGradient(const float* dy, const Convolution& conv, const float* w, float* dx, const Parallel& parallel) {
  const Panels p{conv.k, conv.c};
  float* u = scratch().filters.floats(conv.taps() * p.tap());
  packFilters(w, conv, p, u, parallel);
  const int rows = conv.rows(), columns = conv.columns(), stride = conv.stride;
  // Positions beyond the gradients on either side that taps of the outermost pixels read.
  const auto before = [&](int taps) { return std::max(0, ((taps - 1) * conv.dilation - conv.padding + stride - 1) / stride); };
  const auto after = [&](int extent, int count) { return std::max(0, (extent - 1 + conv.padding) / stride - (count - 1)); };
  const Staged in{
    conv.k, rows, columns, before(conv.filterHeight), before(conv.filterWidth), after(conv.height, rows), after(conv.width, columns)};
  const int out = roundUp(conv.c, LANES);
  const size_t pixels = size_t(conv.height) * conv.width, given = size_t(rows) * columns;
  parallel(conv.count, [&](int image) {
    float* staged = scratch().input.floats(in.size());
    float* m = scratch().output.floats(pixels * out);
    stage(dy + image * conv.k * given, in, staged);
    std::memset(m, 0, pixels * out * sizeof(float));
    for (int row = 0; row < conv.height; row++) for (int phase = 0; phase < std::min(stride, conv.width); phase++) {
      const int count = (conv.width - phase + stride - 1) / stride;
      for (int tap = 0; tap < conv.taps(); tap++) {
        int down, right;
        if (!shiftOf(row % stride, tap / conv.filterWidth, conv, down) || !shiftOf(phase, tap % conv.filterWidth, conv, right)) continue;
        addTap(count, {staged + in.at(row / stride + down, right), size_t(in.pixel()), 1}, u + tap * p.tap(), p,
          {m + (size_t(row) * conv.width + phase) * out, size_t(stride) * out, true});
      }
    }
    unstage(m, int(pixels), conv.c, dx + image * conv.c * pixels);
  });
}

/** Floats of images that are staged at once. */
constexpr size_t SUMMED_FLOATS = size_t(2) << 20;

/** dw [k, c, taps]; each sum has the same order whatever the number of threads. */
inline void filterGradient(const float* x, const Convolution& conv, const float* dy, float* dw, const Parallel& parallel) {
  const int rows = conv.rows(), columns = conv.columns(), border = conv.padding, taps = conv.taps();
  const Staged in{conv.c, conv.height, conv.width, border, border, border, border}, out{conv.k, rows, columns, 0, 0, 0, 0};
  const int panels = piecesOf(conv.c, PANEL), wide = in.pixel();
  const size_t pixels = size_t(conv.height) * conv.width, given = size_t(rows) * columns, tapSums = size_t(conv.k) * wide;
  const int most = std::max<int>(1, SUMMED_FLOATS / (in.size() + out.size()));
  float* s = scratch().filters.floats(taps * tapSums);
  for (int start = 0; start < conv.count; start += most) {
    const int count = std::min(most, conv.count - start);
    float* xs = scratch().input.floats(count * in.size());
    float* ds = scratch().output.floats(count * out.size());
    parallel(count, [&](int i) {
      stage(x + (start + i) * conv.c * pixels, in, xs + i * in.size());
      stage(dy + (start + i) * conv.k * given, out, ds + i * out.size());
    });
    parallel(taps * panels, [&](int task) {
      const int tap = task / panels, column = task % panels * PANEL, vecs = panelVectors(wide, column), width = vecs * LANES;
      const int i = tap / conv.filterWidth * conv.dilation - border, j = tap % conv.filterWidth * conv.dilation - border;
      float* panel = scratch().panel.floats(size_t(DEPTH) * PANEL);
      const int64_t all = int64_t(count) * given;
      for (int64_t from = 0; from < all; from += DEPTH) {
        const int depth = int(std::min<int64_t>(DEPTH, all - from));
        for (int d = 0; d < depth; d++) {
          const int64_t at = from + d, within = at % given;
          const int row = int(within / columns) * conv.stride + i, place = int(within % columns) * conv.stride + j;
          std::memcpy(panel + size_t(d) * width, xs + at / given * in.size() + in.at(row, place) + column, width * sizeof(float));
        }
        const Left gradients{ds + from * out.pixel(), 1, size_t(out.pixel())};
        const Result products{s + tap * tapSums + column, size_t(wide), start > 0 || from > 0};
        multiplyPanel(conv.k, vecs, depth, gradients, {panel, size_t(width)}, products);
      }
    });
  }
  parallel(conv.k, [&](int filter) {
    for (int channel = 0; channel < conv.c; channel++) for (int tap = 0; tap < taps; tap++) {
      dw[(size_t(filter) * conv.c + channel) * taps + tap] = s[tap * tapSums + size_t(filter) * wide + channel];
    }
  });
}

}  // namespace byo::direct
