#pragma once
// Element-wise expressions, and sums of them, in one pass over memory: a small program runs over pieces that stay in a core's cache.

#include <cmath>
#include <functional>
#include <vector>

#include "parallel.h"
#include "vector.h"

namespace byo::fused {

/** The program's operations; `src/core/engine/onnx/fuse.ts` has the same numbers. */
enum Operation { ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, NEG, RECIP, SQRT, ABS, RELU, STEP, GREATER, NOT_LESS, EQUAL, WHERE };

/** Floats of a piece. */
constexpr int PIECE = 512;

/** An operand: element i of the expression takes element (i / inner) % mid of it. */
struct Operand {
  int64_t inner, mid;
};

/** registers[result] = operation of registers a, b and c; registers are the operands, the constants and `slots` results. */
struct Step {
  int operation, a, b, c, result;
};

struct Program {
  int64_t size;
  /** Sums over the first and last axes of [outer, mid, inner], where `sums`. */
  bool sums;
  int64_t outer, mid, inner;
  std::vector<Operand> operands;
  std::vector<float> constants;
  int slots;
  /** None where an operand is summed as it is. */
  std::vector<Step> steps;

  /** From the numbers of the operator's attribute, in the order of the fields above. */
  explicit Program(const std::vector<int64_t>& numbers) {
    auto at = numbers.begin();
    size = *at++, sums = *at++ != 0, outer = *at++, mid = *at++, inner = *at++;
    operands.resize(*at++), constants.resize(*at++), slots = int(*at++), steps.resize(*at++);
    for (auto& operand : operands) operand.inner = *at++, operand.mid = *at++;
    for (auto& value : constants) value = floatOf(*at++);
    for (auto& step : steps) {
      step.operation = int(*at++), step.a = int(*at++), step.b = int(*at++), step.c = int(*at++), step.result = int(*at++);
    }
  }
};

// Every element is independent of the others, also where a result takes the place of an operand.
#define BYO_EACH(expression) \
  _Pragma("GCC ivdep") for (int i = 0; i < count; i++) out[i] = (expression); \
  return

inline void compute(int operation, const float* a, const float* b, const float* c, float* out, int count) {
  switch (operation) {
    case ADD: BYO_EACH(a[i] + b[i]);
    case SUB: BYO_EACH(a[i] - b[i]);
    case MUL: BYO_EACH(a[i] * b[i]);
    case DIV: BYO_EACH(a[i] / b[i]);
    case MAXIMUM: BYO_EACH(a[i] > b[i] || a[i] != a[i] ? a[i] : b[i]);
    case MINIMUM: BYO_EACH(a[i] < b[i] || a[i] != a[i] ? a[i] : b[i]);
    case NEG: BYO_EACH(-a[i]);
    case RECIP: BYO_EACH(1.f / a[i]);
    case SQRT: BYO_EACH(std::sqrt(a[i]));
    case ABS: BYO_EACH(std::fabs(a[i]));
    case RELU: BYO_EACH(a[i] <= 0.f ? 0.f : a[i]);
    case STEP: BYO_EACH(a[i] > 0.f ? 1.f : 0.f);
    case GREATER: BYO_EACH(a[i] > b[i] ? 1.f : 0.f);
    case NOT_LESS: BYO_EACH(a[i] >= b[i] ? 1.f : 0.f);
    case EQUAL: BYO_EACH(a[i] == b[i] ? 1.f : 0.f);
    case WHERE: BYO_EACH(a[i] != 0.f ? b[i] : c[i]);
  }
}
#undef BYO_EACH

/** Runs a program piece by piece, on one thread. */
class Evaluator {
 public:
  Evaluator(const Program& program, const std::vector<const float*>& operands, Buffer& memory) : program_(program), sources_(operands) {
    for (const auto& operand : program.operands) {
      if (operand.inner == 1 && operand.mid > 1 && operand.mid <= PIECE) piece_ = std::max<int>(operand.mid, piece_ - piece_ % operand.mid);
    }
    const size_t count = operands.size() + program.constants.size() + program.slots;
    registers_.resize(count);
    filled_.assign(operands.size(), -1);
    float* own = memory.floats(count * PIECE);
    for (size_t i = 0; i < count; i++) registers_[i] = own + i * PIECE;
    for (size_t i = 0; i < operands.size(); i++) if (program.operands[i].mid == 1) std::fill_n(registers_[i], PIECE, *operands[i]);
    for (size_t i = 0; i < program.constants.size(); i++) std::fill_n(registers_[operands.size() + i], PIECE, program.constants[i]);
  }

  /** Elements that are best computed at once. */
  int piece() const { return piece_; }

  /** Elements start … start + count - 1, at most a piece; into `out` where given. Valid until the next call. */
  const float* run(int64_t start, int count, float* out = nullptr) {
    for (size_t i = 0; i < sources_.size(); i++) provide(int(i), start, count);
    if (program_.steps.empty()) return registers_[0];
    const Step& last = program_.steps.back();
    for (const Step& step : program_.steps) {
      float* to = out && &step == &last ? out : registers_[step.result];
      compute(step.operation, registers_[step.a], registers_[step.b], registers_[step.c], to, count);
    }
    return out ? out : registers_[last.result];
  }

 private:
  void provide(int i, int64_t start, int count) {
    const auto [inner, mid] = program_.operands[i];
    if (mid == 1) return;
    if (inner == 1 && mid == program_.size) {
      registers_[i] = const_cast<float*>(sources_[i]) + start;
      return;
    }
    if (inner == 1) {
      // The same piece of the operand as before: whole periods, from the same place.
      const int64_t from = start % mid;
      if (filled_[i] == from * PIECE + count) return;
      filled_[i] = from * PIECE + count;
      int64_t at = from;
      for (int done = 0; done < count;) {
        const int some = int(std::min<int64_t>(mid - at, count - done));
        std::memcpy(registers_[i] + done, sources_[i] + at, some * sizeof(float));
        done += some, at = 0;
      }
      return;
    }
    int64_t row = start / inner, within = start % inner;
    if (within + count <= inner) {
      // One value for the whole piece, perhaps that of the piece before.
      if (filled_[i] == row) return;
      filled_[i] = row;
      std::fill_n(registers_[i], PIECE, sources_[i][row % mid]);
      return;
    }
    filled_[i] = -1;
    for (int done = 0; done < count; row++, within = 0) {
      const int some = int(std::min<int64_t>(inner - within, count - done));
      std::fill_n(registers_[i] + done, some, sources_[i][row % mid]);
      done += some;
    }
  }

  const Program& program_;
  const std::vector<const float*>& sources_;
  std::vector<float*> registers_;
  std::vector<int64_t> filled_;
  int piece_ = PIECE;
};

inline double total(const float* x, int count) {
  Vec lanes{};
  int i = 0;
  for (; i + LANES <= count; i += LANES) lanes += load(x + i);
  double sum = 0;
  for (int lane = 0; lane < LANES; lane++) sum += lanes[lane];
  for (; i < count; i++) sum += x[i];
  return sum;
}

/** Steps of a task below which another thread costs more than it saves. */
constexpr int64_t TASK_STEPS = 1 << 16;
/** Sums that all tasks together hold at most. */
constexpr int64_t MOST_SUMS = 1 << 20;

/** Tasks for `count` things; a function of the program alone, so that sums have one order whatever the number of threads. */
inline int tasksFor(const Program& program, int64_t count) {
  const int64_t steps = program.size * int64_t(program.steps.size() + 1);
  return int(std::max<int64_t>(1, std::min({MOST_TASKS, count, steps / TASK_STEPS})));
}

inline void evaluate(const Program& program, const std::vector<const float*>& operands, float* out, const Parallel& parallel) {
  const int64_t pieces = piecesOf(program.size, PIECE);
  const int tasks = tasksFor(program, pieces);
  inTasks(parallel, tasks, pieces, [&](int, int64_t begin, int64_t end) {
    Evaluator evaluator(program, operands, scratch().input);
    const int64_t stop = std::min(program.size, end * PIECE);
    for (int64_t at = begin * PIECE; at < stop;) {
      const int count = int(std::min<int64_t>(evaluator.piece(), stop - at));
      evaluator.run(at, count, out + at);
      at += count;
    }
  });
}

/** Sums into out [mid]. */
inline void sum(const Program& program, const std::vector<const float*>& operands, float* out, const Parallel& parallel) {
  const auto [outer, mid, inner] = std::tuple(program.outer, program.mid, program.inner);
  if (inner == 1) {
    // Rows are added up: blocks of rows side by side, then their sums, which are fewer the longer the rows.
    const int tasks = tasksFor(program, std::min(outer, std::max<int64_t>(1, MOST_SUMS / mid)));
    std::vector<std::vector<double>> sums(tasks, std::vector<double>(mid));
    inTasks(parallel, tasks, outer, [&](int task, int64_t begin, int64_t end) {
      Evaluator evaluator(program, operands, scratch().input);
      double* own = sums[task].data();
      const int64_t stop = end * mid;
      for (int64_t at = begin * mid; at < stop;) {
        const int count = int(std::min<int64_t>(evaluator.piece(), stop - at));
        const float* values = evaluator.run(at, count);
        int64_t to = at % mid;
        for (int done = 0; done < count; to = 0) {
          const int some = int(std::min<int64_t>(mid - to, count - done));
          for (int i = 0; i < some; i++) own[to + i] += values[done + i];
          done += some;
        }
        at += count;
      }
    });
    for (int64_t i = 0; i < mid; i++) {
      double all = 0;
      for (const auto& own : sums) all += own[i];
      out[i] = float(all);
    }
    return;
  }
  if (mid == 1) {
    const int64_t count = outer * inner;
    const int tasks = tasksFor(program, piecesOf(count, PIECE));
    std::vector<double> sums(tasks);
    inTasks(parallel, tasks, count, [&](int task, int64_t begin, int64_t end) {
      Evaluator evaluator(program, operands, scratch().input);
      for (int64_t at = begin; at < end; at += PIECE) {
        const int some = int(std::min<int64_t>(PIECE, end - at));
        sums[task] += total(evaluator.run(at, some), some);
      }
    });
    double all = 0;
    for (const double own : sums) all += own;
    *out = float(all);
    return;
  }
  inTasks(parallel, tasksFor(program, mid), mid, [&](int, int64_t begin, int64_t end) {
    Evaluator evaluator(program, operands, scratch().input);
    if (outer == 1 && inner <= PIECE) {
      const int64_t rows = PIECE / inner;
      for (int64_t row = begin; row < end; row += rows) {
        const int64_t some = std::min(rows, end - row);
        const float* values = evaluator.run(row * inner, int(some * inner));
        for (int64_t i = 0; i < some; i++) out[row + i] = float(total(values + i * inner, int(inner)));
      }
      return;
    }
    for (int64_t row = begin; row < end; row++) {
      double all = 0;
      for (int64_t o = 0; o < outer; o++) for (int64_t at = 0; at < inner; at += PIECE) {
        const int some = int(std::min<int64_t>(PIECE, inner - at));
        all += total(evaluator.run((o * mid + row) * inner + at, some), some);
      }
      out[row] = float(all);
    }
  });
}

}  // namespace byo::fused
