#pragma once
// Products of matrices, and of stacks of them.

#include <algorithm>
#include <cstdint>
#include <vector>

#include "gemm.h"
#include "parallel.h"

namespace byo::product {

/**
 * out [batch, m, n] = a [m, k] or its transpose x b [k, n] or its transpose, and what may follow: a bias [n], a rectifier, a gate
 * [batch, m, n]; steps are from one of the stack to the next, 0 where all have the same.
 */
struct Product {
  int64_t batch, m, k, n;
  bool transposeA, transposeB, biased, rectified, gated;
  int64_t aStep, bStep, biasStep;

  /** From numbers in the order of the fields. */
  template <typename Numbers>
  explicit Product(Numbers& numbers)
      : batch(numbers.next()), m(numbers.next()), k(numbers.next()), n(numbers.next()), transposeA(numbers.next() != 0),
        transposeB(numbers.next() != 0), biased(numbers.next() != 0), rectified(numbers.next() != 0), gated(numbers.next() != 0),
        aStep(numbers.next()), bStep(numbers.next()), biasStep(numbers.next()) {
    // A row lies in memory as its transpose does.
    transposeB = transposeB && k > 1 && n > 1;
  }
};

/** Where what a product takes and gives begins. */
struct Operands {
  const float *a, *b, *bias, *gate;
  float* out;
};

/** Rows of a task at most, and at least. */
constexpr int TASK_ROWS = 192, FEWEST_ROWS = 6 * ROWS;
/** Multiplications below which another thread costs more than it saves, and tasks that a large product should have. */
constexpr int64_t SMALL = 1 << 16, TASKS = 4;

/** Rows first … first + depth - 1 of b's columns from `column` on, as [depth][vecs * LANES] filled up with zeros. */
inline void pack(const float* b, const Product& p, int64_t first, int depth, int64_t column, int vecs, float* panel) {
  const int width = vecs * LANES, columns = int(std::min<int64_t>(width, p.n - column));
  if (!p.transposeB) {
    const int last = columns - (vecs - 1) * LANES;
    for (int i = 0; i < depth; i++) {
      const float* from = b + (first + i) * p.n + column;
      float* to = panel + i * width;
      for (int v = 0; v < vecs; v++) store(to + v * LANES, v < vecs - 1 ? load(from + v * LANES) : loadFirst(from + v * LANES, last));
    }
    return;
  }
  for (int c = 0; c < width; c += LANES) {
    const int some = std::min(LANES, columns - c);
    for (int i = 0; i < depth; i += LANES) {
      const int deep = std::min(LANES, depth - i);
      Vec block[LANES];
      loadColumns(b + (column + c) * p.k + first + i, p.k, some, deep, block);
      for (int j = 0; j < deep; j++) store(panel + (i + j) * width + c, block[j]);
    }
  }
}

/** Rows first … first + rows - 1 of one product's columns from `column` on, at most a panel of them. */
inline void multiplyPart(const Operands& of, const Product& p, int64_t first, int rows, int64_t column) {
  const int columns = int(std::min<int64_t>(PANEL, p.n - column)), vecs = piecesOf(columns, LANES), width = vecs * LANES;
  const Left left{of.a + first * (p.transposeA ? 1 : p.k), size_t(p.transposeA ? 1 : p.k), size_t(p.transposeA ? p.m : 1)};
  const int64_t at = first * p.n + column;
  const bool inPlace = !p.transposeB && rows < (p.n <= PANEL ? 8 : 2) * ROWS;
  for (int64_t from = 0; from < p.k; from += DEPTH) {
    const int depth = int(std::min<int64_t>(DEPTH, p.k - from));
    Right right{of.b + from * p.n + column, size_t(p.n)};
    if (!inPlace) {
      float* packed = scratch().panel.floats(size_t(DEPTH) * PANEL);
      pack(of.b, p, from, depth, column, vecs, packed);
      right = {packed, size_t(width)};
    }
    const Left piece{left.at + from * left.inner, left.row, left.inner};
    Result result{of.out + at, size_t(p.n), from > 0};
    if (from == 0 && of.bias) result.bias = of.bias + column;
    if (from + depth == p.k) {
      result.rectified = p.rectified;
      if (of.gate) result.gate = of.gate + at;
    }
    if (columns == width) multiplyPanel(rows, vecs, depth, piece, right, result);
    else multiplyPanel<true>(rows, vecs, depth, piece, right, result, columns - width + LANES);
  }
}

/** A product with where its operands are: a, b and, where it has them, bias and gate. */
class Multiplication {
 public:
  Multiplication(const Product& p, const std::vector<const float*>& operands, float* out)
      : p_(p), all_{operands[0], operands[1], p.biased ? operands[2] : nullptr, p.gated ? operands.back() : nullptr, out} {}

  /** Rows first … first + rows - 1 of the i-th of the stack, a panel of columns from `column` on. */
  void part(int64_t i, int64_t first, int rows, int64_t column) const {
    const int64_t at = i * p_.m * p_.n;
    const auto [a, b, bias, gate, out] = all_;
    multiplyPart({a + i * p_.aStep, b + i * p_.bStep, bias ? bias + i * p_.biasStep : nullptr, gate ? gate + at : nullptr, out + at},
      p_, first, rows, column);
  }

  /** Of the stack those from begin to end - 1, on this thread. */
  void matrices(int64_t begin, int64_t end) const {
    for (int64_t i = begin; i < end; i++) for (int64_t column = 0; column < p_.n; column += PANEL) part(i, 0, int(p_.m), column);
  }

  /** Rows begin … end - 1 of a product of two matrices, on this thread. */
  void rows(int64_t begin, int64_t end) const {
    for (int64_t column = 0; column < p_.n; column += PANEL) part(0, begin, int(end - begin), column);
  }

 private:
  const Product& p_;
  const Operands all_;
};

inline void multiply(const Product& p, const std::vector<const float*>& operands, float* out, const Parallel& parallel) {
  const Multiplication multiplication(p, operands, out);
  const int64_t work = p.m * p.k * p.n, panels = piecesOf(p.n, PANEL);
  if (p.batch > 1 || work < SMALL) {
    const int tasks = p.batch * work < SMALL ? 1 : int(std::min(p.batch, MOST_TASKS));
    inTasks(parallel, tasks, p.batch, [&](int, int64_t begin, int64_t end) { multiplication.matrices(begin, end); });
    return;
  }
  const int64_t parts = piecesOf(TASKS, int(panels));
  const int64_t rows = std::min<int64_t>(TASK_ROWS, std::max<int64_t>(FEWEST_ROWS, roundUp(int(piecesOf(p.m, int(parts))), ROWS)));
  const int64_t chunks = piecesOf(p.m, int(rows));
  parallel(int(chunks * panels), [&](int task) {
    const int64_t first = task / panels * rows;
    multiplication.part(0, first, int(std::min(rows, p.m - first)), task % panels * PANEL);
  });
}

}  // namespace byo::product
