#pragma once
// Tensors whose elements lie elsewhere than in those that they come from: repeated, transposed, cut, padded, side by side.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace byo::arrange {

/** Elements along an axis, and from one to the next in the input and in the result. */
struct Axis {
  int64_t extent, from, to;
};

/** Elements of one input: where the first lies and where it goes, and at least one axis, the last of which is the innermost. */
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

inline void copyRow(const Axis& axis, const float* in, float* out) {
  const auto [extent, from, to] = axis;
  if (to == 1 && from == 1) {
    // Rows are often as short as a vector, for which a call would take longer than the copy.
    int64_t i = 0;
    for (; i + LANES <= extent; i += LANES) store(out + i, load(in + i));
    if (i < extent) storeFirst(out + i, loadFirst(in + i, int(extent - i)), int(extent - i));
  } else if (to == 1 && from == 0) {
    std::fill_n(out, extent, *in);
  } else {
    for (int64_t i = 0; i < extent; i++) out[i * to] = in[i * from];
  }
}

/** Elements along one axis or more, the last of them in rows. */
inline void copy(const Axis* axis, size_t axes, const float* in, float* out) {
  if (axes == 1) return copyRow(*axis, in, out);
  const auto [extent, from, to] = *axis;
  for (int64_t i = 0; i < extent; i++) {
    if (axes == 2) copyRow(axis[1], in + i * from, out + i * to);
    else copy(axis + 1, axes - 1, in + i * from, out + i * to);
  }
}

/** Floats below which another thread costs more than it saves. */
constexpr int64_t TASK_FLOATS = 1 << 14;

inline void run(const Arrangement& arrangement, const std::vector<const float*>& inputs, float* out, const Parallel& parallel) {
  if (arrangement.padded) std::fill_n(out, arrangement.size, arrangement.padding);
  for (size_t i = 0; i < inputs.size(); i++) {
    const auto& [from, to, axes] = arrangement.parts[i];
    const float* in = inputs[i] + from;
    float* place = out + to;
    int64_t floats = 1;
    for (const Axis& axis : axes) floats *= axis.extent;
    inTasks(parallel, tasksFor(axes[0].extent, floats, TASK_FLOATS), axes[0].extent, [&axes = axes, in, place](int, int64_t begin, int64_t end) {
      std::vector<Axis> some = axes;
      some[0].extent = end - begin;
      copy(some.data(), some.size(), in + begin * some[0].from, place + begin * some[0].to);
    });
  }
}

}  // namespace byo::arrange
