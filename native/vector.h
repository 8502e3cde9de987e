#pragma once
// Vectors of floats, as long as suits the processor that the compiler builds for.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>
#include <vector>

#ifdef __AVX512F__
#include <immintrin.h>
#endif

// Before a loop: no iteration reads what another one writes.
#ifdef __clang__
#define BYO_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#else
#define BYO_INDEPENDENT _Pragma("GCC ivdep")
#endif

namespace byo {

#ifdef __AVX512F__
/** Floats of a vector, and vectors of a row of a product's block; blocks of 6 rows fill the registers. */
constexpr int LANES = 16, ROW_VECTORS = 4;
#else
constexpr int LANES = 8, ROW_VECTORS = 2;
#endif
typedef float Vec __attribute__((vector_size(LANES * sizeof(float))));
typedef float UnalignedVec __attribute__((vector_size(LANES * sizeof(float)), aligned(sizeof(float))));

inline Vec load(const float* at) { return *reinterpret_cast<const UnalignedVec*>(at); }
inline void store(float* at, Vec value) { *reinterpret_cast<UnalignedVec*>(at) = value; }

#ifdef __AVX512F__
inline __mmask16 firstLanes(int count) { return __mmask16((1u << count) - 1); }
/** The first `count` lanes, of which there is at least one; the others are 0. */
inline Vec loadFirst(const float* at, int count) { return Vec(_mm512_maskz_loadu_ps(firstLanes(count), at)); }
inline void storeFirst(float* at, Vec value, int count) { _mm512_mask_storeu_ps(at, firstLanes(count), __m512(value)); }
#else
inline Vec loadFirst(const float* at, int count) {
  Vec value{};
  std::memcpy(&value, at, count * sizeof(float));
  return value;
}
inline void storeFirst(float* at, Vec value, int count) { std::memcpy(at, &value, count * sizeof(float)); }
#endif

/** Pieces of `step` that n things fill, the last perhaps in part; and n with that filled up. */
template <typename Int>
constexpr Int piecesOf(Int n, int step) { return (n + step - 1) / step; }
inline int roundUp(int n, int step) { return piecesOf(n, step) * step; }

/** The float that a number holds the bits of. */
inline float floatOf(int64_t bits) {
  const auto low = uint32_t(bits);
  float value;
  std::memcpy(&value, &low, sizeof value);
  return value;
}

/** A buffer that grows, aligned to cache lines; what it held is lost when it does. */
class Buffer {
 public:
  float* floats(size_t count) {
    if (count > size_) {
      memory_.reset(static_cast<float*>(std::aligned_alloc(64, (count * sizeof(float) + 63) / 64 * 64)));
      if (!memory_) throw std::bad_alloc();
      size_ = count;
    }
    return memory_.get();
  }

 private:
  struct Free { void operator()(float* at) const { std::free(at); } };
  std::unique_ptr<float, Free> memory_;
  size_t size_ = 0;
};

/** One step of a transposition by blocks of `Distance`: a and b exchange the blocks off the diagonal. */
template <int Distance, size_t... Lane>
inline void exchangeBlocks(Vec& a, Vec& b, std::index_sequence<Lane...>) {
  const Vec low = __builtin_shufflevector(a, b, ((Lane & Distance) ? LANES + Lane - Distance : Lane)...);
  const Vec high = __builtin_shufflevector(a, b, ((Lane & Distance) ? LANES + Lane : Lane + Distance)...);
  a = low;
  b = high;
}

template <int Distance>
inline void transposeBlocks(Vec rows[LANES]) {
#pragma GCC unroll 16
  for (int i = 0; i < LANES; i++) {
    if (!(i & Distance)) exchangeBlocks<Distance>(rows[i], rows[i + Distance], std::make_index_sequence<LANES>());
  }
}

/** Rows become columns. */
inline void transpose(Vec rows[LANES]) {
  if constexpr (LANES > 8) transposeBlocks<8>(rows);
  transposeBlocks<4>(rows);
  transposeBlocks<2>(rows);
  transposeBlocks<1>(rows);
}

/** Columns of up to LANES rows and columns, `step` floats apart from `at` on; filled up with zeros. */
inline void loadColumns(const float* at, size_t step, int rows, int columns, Vec block[LANES]) {
  for (int r = 0; r < LANES; r++) {
    block[r] = Vec{};
    if (r < rows) block[r] = columns == LANES ? load(at + r * step) : loadFirst(at + r * step, columns);
  }
  transpose(block);
}

/** What a thread computes with: kept from one operator to the next, none of which runs within another. */
struct Scratch {
  Buffer staged, input, output, filters, panel;
  std::vector<float*> registers;
  std::vector<int64_t> filled;
  std::vector<double> sums;
  std::vector<const float*> operands;
};
inline Scratch& scratch() {
  static thread_local Scratch own;
  return own;
}

}  // namespace byo
