#pragma once
// Tensors whose elements lie elsewhere than in those that they come from: repeated, transposed, cut, padded, side by side.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <vector>

#include "vector.h"

namespace byo::arrange {

/** Elements along an axis, and from one to the next in the input and in the result. */
struct Axis {
  int64_t extent, from, to;
};

/** Elements of one input: where the first lies and where it goes, and the axes, the last of which is the innermost. */
struct Part {
  int64_t from, to;
  std::vector<Axis> axes;
};

/** A part for each input; what no part fills is `padding`. */
struct Arrangement {
  int64_t size;
  bool padded;
  float padding;
  std::vector<Part> parts;

  /** From numbers in the order of the fields above. */
  template <typename Numbers>
  explicit Arrangement(Numbers& numbers)
      : size(numbers.next()), padded(numbers.next() != 0), padding(floatOf(numbers.next())), parts(numbers.next()) {
    for (Part& part : parts) {
      part.from = numbers.next(), part.to = numbers.next();
      part.axes.resize(numbers.next());
      for (Axis& axis : part.axes) axis.extent = numbers.next(), axis.from = numbers.next(), axis.to = numbers.next();
    }
  }
};

inline void copy(const Axis* axis, size_t axes, const float* in, float* out) {
  if (axes == 0) {
    *out = *in;
    return;
  }
  const auto [extent, from, to] = *axis;
  if (axes > 1) {
    for (int64_t i = 0; i < extent; i++) copy(axis + 1, axes - 1, in + i * from, out + i * to);
  } else if (to == 1 && from == 1) {
    std::memcpy(out, in, extent * sizeof(float));
  } else if (to == 1 && from == 0) {
    std::fill_n(out, extent, *in);
  } else {
    for (int64_t i = 0; i < extent; i++) out[i * to] = in[i * from];
  }
}

inline void run(const Arrangement& arrangement, const std::vector<const float*>& inputs, float* out) {
  if (arrangement.padded) std::fill_n(out, arrangement.size, arrangement.padding);
  for (size_t i = 0; i < inputs.size(); i++) {
    const Part& part = arrangement.parts[i];
    copy(part.axes.data(), part.axes.size(), inputs[i] + part.from, out + part.to);
  }
}

}  // namespace byo::arrange
