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
  /** What follows the product: a bias of its columns, a rectifier, a gate that is open where a number in the same place is positive. */
  const float* bias = nullptr;
  bool rectified = false;
  const float* gate = nullptr;
  Result below(int rows) const { return {at + rows * row, row, added, bias, rectified, gate ? gate + rows * row : nullptr}; }
};

/** `last` lanes of the last vector of columns exist, all of them unless `Partial`. */
template <int Rows, int Vecs, bool Partial>
inline void multiplyBlock(int inner, Left a, Right b, Result c, int last) {
  const auto read = [last](const float* at, int v) {
    return Partial && v == Vecs - 1 ? loadFirst(at + v * LANES, last) : load(at + v * LANES);
  };
  // What is there already is added last: sums of sums round less than one long sum.
  Vec sums[Rows][Vecs] = {};
  for (int i = 0; i < inner; i++) {
    Vec row[Vecs];
#pragma GCC unroll 8
    for (int v = 0; v < Vecs; v++) row[v] = read(b.at + i * b.row, v);
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
      float* row = c.at + r * c.row;
      Vec value = sums[r][v];
      if (c.added) value = read(row, v) + value;
      if (c.bias) value += read(c.bias, v);
      if (c.rectified) value = value <= 0.f ? Vec{} : value;
      if (c.gate) value *= read(c.gate + r * c.row, v) > 0.f ? Vec{} + 1.f : Vec{};
      if (Partial && v == Vecs - 1) storeFirst(row + v * LANES, value, last);
      else store(row + v * LANES, value);
    }
  }
}

/** Blocks of at most ROWS rows, of as equal heights as their number allows. */
template <int Vecs, bool Partial>
inline void multiplyRows(int rows, int inner, Left a, Right b, Result c, int last) {
  static_assert(ROWS == 6, "there is a case for each height");
  for (int blocks = piecesOf(rows, ROWS); blocks > 0; blocks--) {
    const int height = piecesOf(rows, blocks);
    switch (height) {
      case 6: multiplyBlock<6, Vecs, Partial>(inner, a, b, c, last); break;
      case 5: multiplyBlock<5, Vecs, Partial>(inner, a, b, c, last); break;
      case 4: multiplyBlock<4, Vecs, Partial>(inner, a, b, c, last); break;
      case 3: multiplyBlock<3, Vecs, Partial>(inner, a, b, c, last); break;
      case 2: multiplyBlock<2, Vecs, Partial>(inner, a, b, c, last); break;
      case 1: multiplyBlock<1, Vecs, Partial>(inner, a, b, c, last); break;
    }
    rows -= height, a = a.below(height), c = c.below(height);
  }
}

/** c [rows, columns] = a [rows, inner] b [inner, columns] for a panel of 1 to ROW_VECTORS vectors of columns, the last with `last`. */
template <bool Partial = false>
inline void multiplyPanel(int rows, int vecs, int inner, Left a, Right b, Result c, int last = LANES) {
  static_assert(ROW_VECTORS <= 4, "there is a case for each number of vectors");
  switch (vecs) {
    case 4: return multiplyRows<4, Partial>(rows, inner, a, b, c, last);
    case 3: return multiplyRows<3, Partial>(rows, inner, a, b, c, last);
    case 2: return multiplyRows<2, Partial>(rows, inner, a, b, c, last);
    case 1: return multiplyRows<1, Partial>(rows, inner, a, b, c, last);
  }
}

/** Vectors of the panel that begins at a column, of `columns` in whole vectors. */
inline int panelVectors(int columns, int from) { return (columns - from < PANEL ? columns - from : PANEL) / LANES; }

}  // namespace byo
