#pragma once
// Products of matrices that fit in caches, as Winograd's algorithm has them.

#include "vector.h"

namespace byo {

/** Columns that a panel of the right factor has side by side, and rows of the result that are computed at once. */
constexpr int PANEL = 4 * LANES;
constexpr int ROWS = 6;

/**
 * `Rows` rows of c [rows, ...] = a b, or c += a b where `accumulate`; a has an element (row, i) at row * aRow + i * aInner, so that
 * it may be the transpose of what lies in memory, b `Vecs` vectors from b + i * bInner on.
 */
template <int Rows, int Vecs>
inline void multiplyBlock(
    const float* a, size_t aRow, size_t aInner, const float* b, size_t bInner, int inner, float* c, size_t cRow, bool accumulate) {
  // What is there already is added last: sums of sums round less than one long sum.
  Vec sums[Rows][Vecs] = {};
  for (int i = 0; i < inner; i++) {
    Vec row[Vecs];
#pragma GCC unroll 8
    for (int v = 0; v < Vecs; v++) row[v] = load(b + i * bInner + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; r++) {
      const float factor = a[r * aRow + i * aInner];
#pragma GCC unroll 8
      for (int v = 0; v < Vecs; v++) sums[r][v] += factor * row[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < Vecs; v++) {
      float* to = c + r * cRow + v * LANES;
      store(to, accumulate ? load(to) + sums[r][v] : sums[r][v]);
    }
  }
}

/** Blocks of at most ROWS rows, of as equal heights as their number allows. */
template <int Vecs>
inline void multiplyRows(
    int rows, const float* a, size_t aRow, size_t aInner, const float* b, size_t bInner, int inner, float* c, size_t cRow, bool accumulate) {
  for (int blocks = (rows + ROWS - 1) / ROWS; blocks > 0; blocks--) {
    const int height = (rows + blocks - 1) / blocks;
    switch (height) {
      case 6: multiplyBlock<6, Vecs>(a, aRow, aInner, b, bInner, inner, c, cRow, accumulate); break;
      case 5: multiplyBlock<5, Vecs>(a, aRow, aInner, b, bInner, inner, c, cRow, accumulate); break;
      case 4: multiplyBlock<4, Vecs>(a, aRow, aInner, b, bInner, inner, c, cRow, accumulate); break;
      case 3: multiplyBlock<3, Vecs>(a, aRow, aInner, b, bInner, inner, c, cRow, accumulate); break;
      case 2: multiplyBlock<2, Vecs>(a, aRow, aInner, b, bInner, inner, c, cRow, accumulate); break;
      case 1: multiplyBlock<1, Vecs>(a, aRow, aInner, b, bInner, inner, c, cRow, accumulate); break;
    }
    rows -= height, a += height * aRow, c += height * cRow;
  }
}
static_assert(ROWS == 6, "multiplyRows has a case for each height");

/** c [rows, vecs * LANES] = (or +=) a b for a panel of 1 to 4 vectors. */
inline void multiplyPanel(
    int rows, int vecs, const float* a, size_t aRow, size_t aInner, const float* b, size_t bInner, int inner, float* c, size_t cRow,
    bool accumulate) {
  switch (vecs) {
    case 4: return multiplyRows<4>(rows, a, aRow, aInner, b, bInner, inner, c, cRow, accumulate);
    case 3: return multiplyRows<3>(rows, a, aRow, aInner, b, bInner, inner, c, cRow, accumulate);
    case 2: return multiplyRows<2>(rows, a, aRow, aInner, b, bInner, inner, c, cRow, accumulate);
    case 1: return multiplyRows<1>(rows, a, aRow, aInner, b, bInner, inner, c, cRow, accumulate);
  }
}

}  // namespace byo
