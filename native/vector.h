#pragma once
// Vectors of floats, as long as suits the processor that the compiler builds for.

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <utility>

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

inline int roundUp(int n, int step) { return (n + step - 1) / step * step; }

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

}  // namespace byo
