#pragma once
// 3x3 convolutions of stride 1 and their gradients by Winograd's F(4x4, 3x3) (Lavin & Gray 2016), in blocks of tiles that stay in caches.

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "gemm.h"
#include "parallel.h"

namespace byo::winograd {

constexpr int TILE = 4, PIXELS = TILE * TILE, PATCH = 6, CELLS = PATCH * PATCH, TAPS = 9;

struct Images {
  int count, channels, height, width;
  int tileRows() const { return piecesOf(height, TILE); }
  int tileColumns() const { return piecesOf(width, TILE); }
  int tiles() const { return count * tileRows() * tileColumns(); }
  size_t pixels() const { return size_t(height) * width; }
};

// --- the three maps, one dimension each ---------------------------------------------------------------------------------

/** B^T d: from PATCH pixels to PATCH cells. */
inline void inputTransform(const Vec d[PATCH], Vec t[PATCH]) {
  const Vec even = d[4] - 4.f * d[2], odd = d[3] - 4.f * d[1];
  const Vec near = d[4] - d[2], far = 2.f * (d[3] - d[1]);
  t[0] = 4.f * d[0] - 5.f * d[2] + d[4];
  t[1] = even + odd;
  t[2] = even - odd;
  t[3] = near + far;
  t[4] = near - far;
  t[5] = 4.f * d[1] - 5.f * d[3] + d[5];
}

/** A^T m: from PATCH cells to TILE pixels. */
inline void outputTransform(const Vec m[PATCH], Vec y[TILE]) {
  const Vec s = m[1] + m[2], d = m[1] - m[2], s2 = m[3] + m[4], d2 = m[3] - m[4];
  y[0] = m[0] + s + s2;
  y[1] = d + 2.f * d2;
  y[2] = s + 4.f * s2;
  y[3] = d + 8.f * d2 + m[5];
}

/** A y: from TILE pixels to PATCH cells, the transpose of `outputTransform`. */
inline void spreadTransform(const Vec y[TILE], Vec m[PATCH]) {
  const Vec even = y[0] + y[2], odd = y[1] + y[3], even2 = y[0] + 4.f * y[2], odd2 = 2.f * y[1] + 8.f * y[3];
  m[0] = y[0];
  m[1] = even + odd;
  m[2] = even - odd;
  m[3] = even2 + odd2;
  m[4] = even2 - odd2;
  m[5] = y[3];
}

/** G g: from 3 taps to PATCH cells. */
inline void filterTransform(const Vec g[3], Vec u[PATCH]) {
  const Vec sum = (g[0] + g[2]) * (-1.f / 6), middle = g[1] * (1.f / 6);
  const Vec sum2 = g[0] * (1.f / 24) + g[2] * (1.f / 6), middle2 = g[1] * (1.f / 12);
  u[0] = g[0] * .25f;
  u[1] = sum - middle;
  u[2] = sum + middle;
  u[3] = sum2 + middle2;
  u[4] = sum2 - middle2;
  u[5] = g[2];
}

/** G^T u: from PATCH cells to 3 taps, the transpose of `filterTransform`. */
inline void tapTransform(const Vec u[PATCH], Vec g[3]) {
  const Vec s = u[1] + u[2], s2 = u[3] + u[4];
  g[0] = u[0] * .25f - s * (1.f / 6) + s2 * (1.f / 24);
  g[1] = (u[2] - u[1]) * (1.f / 6) + (u[3] - u[4]) * (1.f / 12);
  g[2] = (s2 - s) * (1.f / 6) + u[5];
}

/** A map applied to columns and then to rows of From x From values: To x To values. */
template <int From, int To, void (*Map)(const Vec*, Vec*)>
inline void square(const Vec* from, Vec* to) {
  Vec half[To * From];
#pragma GCC unroll 8
  for (int column = 0; column < From; column++) {
    Vec in[From], out[To];
#pragma GCC unroll 8
    for (int i = 0; i < From; i++) in[i] = from[i * From + column];
    Map(in, out);
#pragma GCC unroll 8
    for (int i = 0; i < To; i++) half[i * From + column] = out[i];
  }
#pragma GCC unroll 8
  for (int row = 0; row < To; row++) Map(half + row * From, to + row * To);
}

// --- filters ------------------------------------------------------------------------------------------------------------

/** Filters w [K, C, 3, 3] as the forward pass needs them (C inputs, K outputs) or, rotated by half a turn, the input's gradient (K, C). */
struct Filters {
  const float* w;
  int k, c;
  bool rotated;
  int inputs() const { return rotated ? k : c; }
  int outputs() const { return rotated ? c : k; }
  int panels() const { return piecesOf(outputs(), PANEL); }
  /** Floats of a cell of a transformed panel [CELLS][inputs][PANEL]; outputs are filled up with zeros. */
  size_t cell() const { return size_t(inputs()) * PANEL; }
  size_t panel() const { return CELLS * cell(); }
};

inline void transformFilters(const Filters& f, int panel, float* u) {
  const size_t outputStep = f.rotated ? TAPS : size_t(f.c) * TAPS, inputStep = f.rotated ? size_t(f.c) * TAPS : TAPS;
  for (int group = 0; group < PANEL; group += LANES) {
    const int first = panel * PANEL + group, count = std::max(0, std::min(LANES, f.outputs() - first));
    for (int input = 0; input < f.inputs(); input++) {
      alignas(64) float taps[TAPS][LANES] = {};
      for (int lane = 0; lane < count; lane++) {
        const float* from = f.w + (first + lane) * outputStep + input * inputStep;
        for (int tap = 0; tap < TAPS; tap++) taps[f.rotated ? TAPS - 1 - tap : tap][lane] = from[tap];
      }
      Vec cells[CELLS];
      square<3, PATCH, filterTransform>(reinterpret_cast<const Vec*>(taps), cells);
      for (int cell = 0; cell < CELLS; cell++) store(u + cell * f.cell() + size_t(input) * PANEL + group, cells[cell]);
    }
  }
}

// --- tiles --------------------------------------------------------------------------------------------------------------

/** Values of some tiles in every cell: [CELLS][tiles][channels], channels filled up to whole vectors. */
struct Cells {
  int tiles, channels;
  int row() const { return roundUp(channels, LANES); }
  /** Not a power of two, whose multiples share the same lines of a cache. */
  size_t cell() const { return size_t(tiles) * row() + LANES; }
  size_t size() const { return CELLS * cell(); }
};

/** Rows of pixels of some channels, with channels last and a frame of zeros: [rows][TILE * columns + 2][LANES]. */
inline void stageRows(const float* x, const Images& images, int image, int channel, int firstRow, int rows, float* staged) {
  const int width = TILE * images.tileColumns() + 2;
  const int channels = std::min(LANES, images.channels - channel);
  const int from = std::max(0, firstRow), to = std::min(images.height, firstRow + rows);
  std::memset(staged, 0, size_t(rows) * width * LANES * sizeof(float));
  const float* plane = x + (size_t(image) * images.channels + channel) * images.pixels();
  int row = from - firstRow, column = 0;
  for (int pixel = from * images.width; pixel < to * images.width; pixel += LANES) {
    const int count = std::min(LANES, to * images.width - pixel);
    Vec block[LANES];
    loadColumns(plane + pixel, images.pixels(), channels, count, block);
    for (int i = 0; i < count; i++) {
      store(staged + (size_t(row) * width + 1 + column) * LANES, block[i]);
      if (++column == images.width) column = 0, row++;
    }
  }
}

/** Transformed tiles first … first + v.tiles - 1 of the images: patches of PATCH x PATCH pixels, or tiles spread to as many cells. */
enum class Of { Patches, Tiles };

template <Of What>
inline void transformTiles(
    const float* x, const Images& images, int first, const Cells& v, int cellTiles, int offset, float* to, Buffer& scratch) {
  const int columns = images.tileColumns(), perImage = columns * images.tileRows();
  const int rows = What == Of::Patches ? PATCH : TILE, frame = What == Of::Patches ? 1 : 0;
  const int width = TILE * columns + 2;
  float* staged = scratch.floats(size_t(PATCH) * width * LANES);
  const size_t cellStep = Cells{cellTiles, v.channels}.cell();
  for (int tile = 0; tile < v.tiles;) {
    const int image = (first + tile) / perImage, within = (first + tile) % perImage;
    const int tileRow = within / columns, start = within % columns, stop = std::min(columns, start + v.tiles - tile);
    for (int channel = 0; channel < v.channels; channel += LANES) {
      stageRows(x, images, image, channel, tileRow * TILE - frame, rows, staged);
      for (int column = start; column < stop; column++) {
        Vec pixels[PATCH * PATCH], cells[CELLS];
        const float* corner = staged + (size_t(column) * TILE + 1 - frame) * LANES;
        float* out = to + size_t(offset + tile + column - start) * v.row() + channel;
        if constexpr (What == Of::Patches) {
          for (int i = 0; i < CELLS; i++) pixels[i] = load(corner + (size_t(i / PATCH) * width + i % PATCH) * LANES);
          square<PATCH, PATCH, inputTransform>(pixels, cells);
        } else {
          for (int i = 0; i < PIXELS; i++) pixels[i] = load(corner + (size_t(i / TILE) * width + i % TILE) * LANES);
          square<TILE, PATCH, spreadTransform>(pixels, cells);
        }
        for (int cell = 0; cell < CELLS; cell++) store(out + cell * cellStep, cells[cell]);
      }
    }
    tile += stop - start;
  }
}

/** Writes the tiles first … first + count - 1 of y from their cells, with a bias where there is one. */
inline void assembleTiles(
    const float* m, const Cells& layout, int offset, int count, const Images& images, int first, const float* bias, float* y) {
  const int columns = images.tileColumns(), perImage = columns * images.tileRows();
  for (int tile = 0; tile < count; tile++) {
    const int image = (first + tile) / perImage, within = (first + tile) % perImage;
    const int top = within / columns * TILE, left = within % columns * TILE;
    const int high = std::min(TILE, images.height - top), wide = std::min(TILE, images.width - left);
    for (int channel = 0; channel < images.channels; channel += LANES) {
      const float* from = m + size_t(offset + tile) * layout.row() + channel;
      Vec cells[CELLS], pixels[PIXELS];
      for (int cell = 0; cell < CELLS; cell++) cells[cell] = load(from + cell * layout.cell());
      square<PATCH, TILE, outputTransform>(cells, pixels);
      for (int part = 0; part < PIXELS; part += LANES) transpose(pixels + part);
      const int channels = std::min(LANES, images.channels - channel);
      float* corner = y + (size_t(image) * images.channels + channel) * images.pixels() + size_t(top) * images.width + left;
      for (int c = 0; c < channels; c++, corner += images.pixels()) {
        alignas(64) float tilePixels[PIXELS];
        for (int part = 0; part < PIXELS; part += LANES) {
          store(tilePixels + part, bias ? pixels[part + c] + bias[channel + c] : pixels[part + c]);
        }
        for (int row = 0; row < high; row++) {
          float* to = corner + size_t(row) * images.width;
          const float* from = tilePixels + row * TILE;
          // A copy of known length is one instruction.
          if (wide == TILE) std::memcpy(to, from, TILE * sizeof(float));
          else std::memcpy(to, from, wide * sizeof(float));
        }
      }
    }
  }
}

// --- convolutions -------------------------------------------------------------------------------------------------------

/** Channels in and out up to which a thread takes some tiles through all steps; beyond, filters are larger than what they meet. */
constexpr size_t SMALL_FILTERS = 256 * 256;
/** Tiles of such a block; floats of all cells of a block that threads share, and of one of several whose products are summed. */
constexpr int BLOCK_TILES = 36;
constexpr size_t SHARED_FLOATS = size_t(4) << 20, SUMMED_FLOATS = size_t(2) << 20;
/** Tiles that a thread transforms at once, and filters whose gradient it sums at once. */
constexpr int TILES_AT_ONCE = 4, FILTERS_AT_ONCE = 2 * ROWS;

/** Tasks over ranges of `step` of `count` things. */
inline void overRanges(const Parallel& parallel, int count, int step, const std::function<void(int first, int some)>& task) {
  parallel(piecesOf(count, step), [&](int range) { task(range * step, std::min(step, count - range * step)); });
}

/** Products [tiles, outputs] = cells [tiles, inputs] x filters [inputs, outputs] in every cell, for one panel of outputs. */
inline void multiplyCells(const float* v, const Cells& in, const float* u, const Filters& f, float* m, const Cells& out, int panel) {
  const int column = panel * PANEL;
  for (int cell = 0; cell < CELLS; cell++) {
    const Left patches{v + cell * in.cell(), size_t(in.row()), 1};
    const Right filters{u + cell * f.cell(), PANEL};
    const Result products{m + cell * out.cell() + column, size_t(out.row()), false};
    multiplyPanel(in.tiles, panelVectors(out.row(), column), in.channels, patches, filters, products);
  }
}

/** Tiles of a block, of as equal sizes as an even number of blocks allows. */
inline int blockTiles(int tiles) {
  const int blocks = roundUp(piecesOf(tiles, BLOCK_TILES), 2);
  return piecesOf(tiles, blocks);
}

/** y = x * w (+ bias): x [N, inputs, H, W], y [N, outputs, H, W]. Each sum has the same order whatever the number of threads. */
inline void convolve(const float* x, const Images& images, const Filters& f, const float* bias, float* y, const Parallel& parallel) {
  const int tiles = images.tiles();
  const Images results{images.count, f.outputs(), images.height, images.width};
  if (size_t(f.k) * f.c <= SMALL_FILTERS) {
    float* u = scratch().filters.floats(f.panels() * f.panel());
    parallel(f.panels(), [&](int panel) { transformFilters(f, panel, u + panel * f.panel()); });
    overRanges(parallel, tiles, blockTiles(tiles), [&](int first, int count) {
      Scratch& own = scratch();
      const Cells in{count, f.inputs()}, out{count, f.outputs()};
      float* v = own.input.floats(in.size());
      float* m = own.output.floats(out.size());
      transformTiles<Of::Patches>(x, images, first, in, count, 0, v, own.staged);
      for (int panel = 0; panel < f.panels(); panel++) multiplyCells(v, in, u + panel * f.panel(), f, m, out, panel);
      assembleTiles(m, out, 0, count, results, first, bias, y);
    });
    return;
  }
  const int most = std::max<int>(BLOCK_TILES, SHARED_FLOATS / (CELLS * size_t(f.inputs() + f.outputs())));
  for (int start = 0; start < tiles; start += most) {
    const int count = std::min(most, tiles - start);
    const Cells in{count, f.inputs()}, out{count, f.outputs()};
    float* v = scratch().input.floats(in.size());
    float* m = scratch().output.floats(out.size());
    overRanges(parallel, count, TILES_AT_ONCE, [&](int first, int some) {
      transformTiles<Of::Patches>(x, images, start + first, Cells{some, f.inputs()}, count, first, v, scratch().staged);
    });
    parallel(f.panels(), [&](int panel) {
      float* u = scratch().filters.floats(f.panel());
      transformFilters(f, panel, u);
      multiplyCells(v, in, u, f, m, out, panel);
    });
    overRanges(parallel, count, TILES_AT_ONCE, [&](int first, int some) {
      assembleTiles(m, out, first, some, results, start + first, bias, y);
    });
  }
}

/** dw = G^T s G for one filter's sums over tiles, [CELLS][channels] with `cellStep` from one cell to the next. */
inline void assembleTaps(const float* s, size_t cellStep, int channels, float* dw) {
  for (int channel = 0; channel < channels; channel += LANES) {
    Vec cells[CELLS], taps[TAPS];
    for (int cell = 0; cell < CELLS; cell++) cells[cell] = load(s + cell * cellStep + channel);
    square<PATCH, 3, tapTransform>(cells, taps);
    float* to = dw + size_t(channel) * TAPS;
    for (int lane = 0; lane < std::min(LANES, channels - channel); lane++) {
      for (int tap = 0; tap < TAPS; tap++) to[lane * TAPS + tap] = taps[tap][lane];
    }
  }
}

/**
 * dw [K, C, 3, 3] = G^T [ sum over tiles (A dy A^T) (B^T x B) ] G of x [N, C, H, W] and dy [N, K, H, W]; each sum has the same order
 * whatever the number of threads.
 */
inline void filterGradient(const float* x, const Images& images, const float* dy, int k, float* dw, const Parallel& parallel) {
  const int c = images.channels, tiles = images.tiles(), columns = roundUp(c, LANES);
  const Images gradients{images.count, k, images.height, images.width};
  /** Of some filters from `filter` on, in one cell and panel: sums over tiles of spread gradients times patches. */
  const auto sumTiles = [&](const Cells& in, const float* v, const Cells& out, const float* d, int cell, int column, int filter, int some,
                            float* sums, bool added) {
    const Left gradients{d + cell * out.cell() + filter, 1, size_t(out.row())};
    const Right patches{v + cell * in.cell() + column, size_t(in.row())};
    multiplyPanel(some, panelVectors(columns, column), in.tiles, gradients, patches, {sums + column, size_t(columns), added});
  };
  const auto transform = [&](int start, int count, float* v, float* d) {
    overRanges(parallel, count, TILES_AT_ONCE, [&](int first, int some) {
      transformTiles<Of::Patches>(x, images, start + first, Cells{some, c}, count, first, v, scratch().staged);
      transformTiles<Of::Tiles>(dy, gradients, start + first, Cells{some, k}, count, first, d, scratch().staged);
    });
  };
  const size_t floats = CELLS * size_t(c + k);
  if (tiles * floats <= SHARED_FLOATS) {
    const Cells in{tiles, c}, out{tiles, k};
    float* v = scratch().input.floats(in.size());
    float* d = scratch().output.floats(out.size());
    transform(0, tiles, v, d);
    const size_t cellSums = size_t(FILTERS_AT_ONCE) * columns;
    overRanges(parallel, k, FILTERS_AT_ONCE, [&](int filter, int some) {
      float* s = scratch().filters.floats(CELLS * cellSums);
      for (int cell = 0; cell < CELLS; cell++) for (int column = 0; column < columns; column += PANEL) {
        sumTiles(in, v, out, d, cell, column, filter, some, s + cell * cellSums, false);
      }
      for (int row = 0; row < some; row++) assembleTaps(s + row * columns, cellSums, c, dw + (size_t(filter) + row) * c * TAPS);
    });
    return;
  }
  const int most = std::max<int>(BLOCK_TILES, SUMMED_FLOATS / floats);
  const size_t cellSums = size_t(k) * columns + LANES;
  float* s = scratch().filters.floats(CELLS * cellSums);
  for (int start = 0; start < tiles; start += most) {
    const int count = std::min(most, tiles - start);
    const Cells in{count, c}, out{count, k};
    float* v = scratch().input.floats(in.size());
    float* d = scratch().output.floats(out.size());
    transform(start, count, v, d);
    const int panels = piecesOf(columns, PANEL);
    parallel(CELLS * panels, [&](int task) {
      const int cell = task / panels, column = task % panels * PANEL;
      sumTiles(in, v, out, d, cell, column, 0, k, s + cell * cellSums, start > 0);
    });
  }
  parallel(k, [&](int filter) { assembleTaps(s + size_t(filter) * columns, cellSums, c, dw + size_t(filter) * c * TAPS); });
}

}  // namespace byo::winograd
