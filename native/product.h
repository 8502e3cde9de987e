#pragma once
// Products of matrices, and of stacks of them.

#include <algorithm>
#include <cstdint>

#include "gemm.h"
#include "parallel.h"

namespace byo::product {

/**
 * out [batch, m, n] = a [m, k] or its transpose x b [k, n] or its transpose (+ bias [n]) (rectified); steps are from one of the stack to
 * the next, 0 where all have the same.
 */
struct Product {
  int64_t batch, m, k, n;
  bool transposeA, transposeB, rectified;
  int64_t aStep, bStep, biasStep;
};

/** Rows of a task at most, and at least. */
constexpr int TASK_ROWS = 192, FEWEST_ROWS = 6 * ROWS;
/** Multiplications below which another thread costs more than it saves, and tasks that a large product should have. */
constexpr int64_t SMALL = 1 << 16, TASKS = 4;

/** Rows first … first + depth - 1 of b's columns from `column` on, as [depth][vecs * LANES] filled up with zeros. */
inline void pack(const float* b, const Product& p, int64_t first, int depth, int64_t column, int vecs, float* panel) {
  const int width = vecs * LANES, columns = int(std::min<int64_t>(width, p.n - column));
  if (!p.transposeB) {
    for (int i = 0; i < depth; i++) {
      std::memcpy(panel + i * width, b + (first + i) * p.n + column, columns * sizeof(float));
      if (columns < width) std::memset(panel + i * width + columns, 0, (width - columns) * sizeof(float));
    }
    return;
  }
  for (int c = 0; c < width; c += LANES) {
    const int some = std::max(0, std::min(LANES, columns - c));
    for (int i = 0; i < depth; i += LANES) {
      const int deep = std::min(LANES, depth - i);
      Vec block[LANES];
      loadColumns(b + (column + c) * p.k + first + i, p.k, some, deep, block);
      for (int j = 0; j < deep; j++) store(panel + (i + j) * width + c, block[j]);
    }
  }
}

/** Rows first … first + rows - 1 of one product's columns from `column` on, at most a panel of them. */
inline void multiplyPart(
    const float* a, const float* b, const float* bias, float* out, const Product& p, int64_t first, int rows, int64_t column) {
  const int columns = int(std::min<int64_t>(PANEL, p.n - column)), width = roundUp(columns, LANES), vecs = width / LANES;
  const bool whole = columns == width;
  // Columns that do not fill vectors are computed beside the result.
  float* c = whole ? out + first * p.n + column : scratch().output.floats(size_t(rows) * width);
  const size_t cRow = whole ? p.n : width;
  if (bias) {
    for (int r = 0; r < rows; r++) std::memcpy(c + r * cRow, bias + column, columns * sizeof(float));
  }
  const Left left{a + first * (p.transposeA ? 1 : p.k), size_t(p.transposeA ? 1 : p.k), size_t(p.transposeA ? p.m : 1)};
  const bool inPlace = !p.transposeB && whole && rows < 2 * ROWS;
  for (int64_t from = 0; from < p.k; from += DEPTH) {
    const int depth = int(std::min<int64_t>(DEPTH, p.k - from));
    Right right{b + from * p.n + column, size_t(p.n)};
    if (!inPlace) {
      float* packed = scratch().panel.floats(size_t(DEPTH) * PANEL);
      pack(b, p, from, depth, column, vecs, packed);
      right = {packed, size_t(width)};
    }
    const Left piece{left.at + from * left.inner, left.row, left.inner};
    multiplyPanel(rows, vecs, depth, piece, right, {c, cRow, bias || from > 0});
  }
  if (p.rectified) {
    for (int r = 0; r < rows; r++) {
      float* row = c + r * cRow;
      for (int i = 0; i < columns; i++) row[i] = row[i] <= 0.f ? 0.f : row[i];
    }
  }
  if (!whole) for (int r = 0; r < rows; r++) std::memcpy(out + (first + r) * p.n + column, c + r * cRow, columns * sizeof(float));
}

inline void multiply(const float* a, const float* b, const float* bias, float* out, const Product& p, const Parallel& parallel) {
  const int64_t work = p.m * p.k * p.n, panels = piecesOf(p.n, PANEL);
  const auto matrix = [&](int64_t i, int64_t first, int rows, int64_t column) {
    multiplyPart(a + i * p.aStep, b + i * p.bStep, bias ? bias + i * p.biasStep : nullptr, out + i * p.m * p.n, p, first, rows, column);
  };
  if (p.batch > 1 || work < SMALL) {
    const int tasks = int(std::max<int64_t>(1, std::min<int64_t>({p.batch, MOST_TASKS, p.batch * work / SMALL})));
    inTasks(parallel, tasks, p.batch, [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; i++) for (int64_t column = 0; column < p.n; column += PANEL) matrix(i, 0, int(p.m), column);
    });
    return;
  }
  const int64_t parts = piecesOf(TASKS, int(panels));
  const int64_t rows = std::min<int64_t>(TASK_ROWS, std::max<int64_t>(FEWEST_ROWS, roundUp(int(piecesOf(p.m, int(parts))), ROWS)));
  const int64_t chunks = piecesOf(p.m, int(rows));
  parallel(int(chunks * panels), [&](int task) {
    const int64_t first = task / panels * rows;
    matrix(0, first, int(std::min(rows, p.m - first)), task % panels * PANEL);
  });
}

}  // namespace byo::product
