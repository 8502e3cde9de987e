#pragma once
// Products of matrices that fit in caches.

#include "vector.h"

namespace byo {

/** Columns that a panel of the right factor has side by side, and rows of the result that are computed at once. */
constexpr int PANEL = ROW_VECTORS * LANES, ROWS = 6;
/** Rows of a panel that stay in a core's cache. */
constexpr int DEPTH = 256;

/** Of a left factor the element (r, i) is at[r * row + i * inner], so it may be the transpose of what lies in memory. */
struct Left {
  const float* at;
  size_t row, inner;
  Left below(int rows) const { return {at + rows * row, row, inner}; }
};

/** Of a right factor row i begins at at + i * row. */
struct Right {
  const float* at;
  size_t row;
};

/** Where row r of a product goes, at + r * row; it is added to what is there where `added`. */
struct Result {
  float* at;
  size_t row;
  bool added;
  Result below(int rows) const { return {at + rows * row, row, added}; }
};

template <int Rows, int Vecs>
inline void multiplyBlock(int inner, Left a, Right b, Result c) {
  // What is there already is added last: sums of sums round less than one long sum.
  Vec sums[Rows][Vecs] = {};
  for (int i = 0; i < inner; i++) {
    Vec row[Vecs];
#pragma GCC unroll 8
    for (int v = 0; v < Vecs; v++) row[v] = load(b.at + i * b.row + v * LANES);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; r++) {
      const float factor = a.at[r * a.row + i * a.inner];
#pragma GCC unroll 8
      for (int v = 0; v < Vecs; v++) sums[r][v] += factor * row[v];
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < Rows; r++) {
#pragma GCC unroll 8
    for (int v = 0; v < Vecs; v++) {
      float* to = c.at + r * c.row + v * LANES;
      store(to, c.added ? load(to) + sums[r][v] : sums[r][v]);
    }
  }
}

/** Blocks of at most ROWS rows, of as equal heights as their number allows. */
template <int Vecs>
inline void multiplyRows(int rows, int inner, Left a, Right b, Result c) {
  static_assert(ROWS == 6, "there is a case for each height");
  for (int blocks = piecesOf(rows, ROWS); blocks > 0; blocks--) {
    const int height = piecesOf(rows, blocks);
    switch (height) {
      case 6: multiplyBlock<6, Vecs>(inner, a, b, c); break;
      case 5: multiplyBlock<5, Vecs>(inner, a, b, c); break;
      case 4: multiplyBlock<4, Vecs>(inner, a, b, c); break;
      case 3: multiplyBlock<3, Vecs>(inner, a, b, c); break;
      case 2: multiplyBlock<2, Vecs>(inner, a, b, c); break;
      case 1: multiplyBlock<1, Vecs>(inner, a, b, c); break;
    }
    rows -= height, a = a.below(height), c = c.below(height);
  }
}

/** c [rows, columns] = a [rows, inner] b [inner, columns] for a panel of 1 to ROW_VECTORS vectors of columns. */
inline void multiplyPanel(int rows, int vecs, int inner, Left a, Right b, Result c) {
  static_assert(ROW_VECTORS <= 4, "there is a case for each number of vectors");
  switch (vecs) {
    case 4: return multiplyRows<4>(rows, inner, a, b, c);
    case 3: return multiplyRows<3>(rows, inner, a, b, c);
    case 2: return multiplyRows<2>(rows, inner, a, b, c);
    case 1: return multiplyRows<1>(rows, inner, a, b, c);
  }
}

/** Vectors of the panel that begins at a column, of `columns` in whole vectors. */
inline int panelVectors(int columns, int from) { return (columns - from < PANEL ? columns - from : PANEL) / LANES; }

}  // namespace byo
