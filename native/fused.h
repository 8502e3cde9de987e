#pragma once
// Element-wise expressions, and sums of them, in one pass over memory: a small program runs over pieces that stay in a core's cache.

#include <cmath>
#include <functional>
#include <vector>

#include "functions.h"
#include "parallel.h"
#include "vector.h"

namespace byo::fused {

/** The program's operations; `src/core/engine/onnx/expression.ts` has the same numbers. */
enum Operation {
  ADD, SUB, MUL, DIV, MAXIMUM, MINIMUM, NEG, RECIP, SQRT, ABS, RELU, STEP, GREATER, NOT_LESS, EQUAL, WHERE,
  EXP, LOG, TANH, SIGMOID, SILU, SOFTPLUS, ERF, GELU, SIN, COS, SIGN, FLOOR,
};

/** Floats of a piece. */
constexpr int PIECE = 512;

/** An operand: element i of the expression takes element i / period * mid + i / inner % mid of it. */
struct Operand {
  int64_t period, mid, inner;
};

/** registers[result] = operation of registers a, b and c; registers are the operands, the constants and `slots` results. */
struct Step {
  int operation, a, b, c, result;
};

struct Program {
  int64_t size;
  /** Sums over the second and the last axis of [batch, outer, mid, inner], where `sums`. */
  bool sums;
  int64_t batch, outer, mid, inner;
  std::vector<Operand> operands;
  std::vector<float> constants;
  int slots;
  /** None where an operand is summed as it is. */
  std::vector<Step> steps;

  /** From numbers in the order of the fields. */
  template <typename Numbers>
  explicit Program(Numbers& numbers)
      : size(numbers.next()), sums(numbers.next() != 0), batch(numbers.next()), outer(numbers.next()), mid(numbers.next()),
        inner(numbers.next()), operands(numbers.next()), constants(numbers.next()), slots(int(numbers.next())), steps(numbers.next()) {
    for (auto& operand : operands) operand.period = numbers.next(), operand.mid = numbers.next(), operand.inner = numbers.next();
    for (auto& value : constants) value = floatOf(numbers.next());
    for (auto& step : steps) for (int* field : {&step.operation, &step.a, &step.b, &step.c, &step.result}) *field = int(numbers.next());
  }
};

// Every element is independent of the others, also where a result takes the place of an operand.
#define BYO_EACH(expression) \
  BYO_INDEPENDENT for (int i = 0; i < count; i++) out[i] = (expression); \
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
    case WHERE: BYO_EACH(functions::choose(a[i] != 0.f, b[i], c[i]));
    case EXP: BYO_EACH(functions::exp(a[i]));
    case LOG: BYO_EACH(functions::log(a[i]));
    case TANH: BYO_EACH(functions::tanh(a[i]));
    case SIGMOID: BYO_EACH(functions::sigmoid(a[i]));
    case SILU: BYO_EACH(functions::silu(a[i]));
    case SOFTPLUS: BYO_EACH(functions::softplus(a[i]));
    case ERF: BYO_EACH(functions::erf(a[i]));
    case GELU: BYO_EACH(functions::gelu(a[i]));
    case SIN: BYO_EACH(std::sin(a[i]));
    case COS: BYO_EACH(std::cos(a[i]));
    case SIGN: BYO_EACH(functions::sign(a[i]));
    case FLOOR: BYO_EACH(std::floor(a[i]));
  }
}
#undef BYO_EACH

/** Runs a program piece by piece, on one thread, which has one of them at a time. */
class Evaluator {
 public:
  Evaluator(const Program& program, const std::vector<const float*>& operands)
      : program_(program), sources_(operands), registers_(scratch().registers), filled_(scratch().filled) {
    for (const auto& operand : program.operands) {
      if (operand.inner == 1 && operand.mid > 1 && operand.mid <= PIECE) piece_ = std::max<int>(operand.mid, piece_ - piece_ % operand.mid);
    }
    const size_t count = operands.size() + program.constants.size() + program.slots;
    const int longest = int(std::min<int64_t>(PIECE, program.size));
    registers_.resize(count);
    filled_.assign(operands.size(), -1);
    float* own = scratch().input.floats(count * PIECE);
    for (size_t i = 0; i < count; i++) registers_[i] = own + i * PIECE;
    for (size_t i = 0; i < operands.size(); i++) if (isOne(program.operands[i])) std::fill_n(registers_[i], longest, *operands[i]);
    for (size_t i = 0; i < program.constants.size(); i++) std::fill_n(registers_[operands.size() + i], longest, program.constants[i]);
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
  /** Whether an operand has the same element everywhere. */
  bool isOne(const Operand& operand) const { return operand.mid == 1 && operand.period == program_.size; }

  void provide(int i, int64_t start, int count) {
    const Operand& operand = program_.operands[i];
    const auto [period, mid, inner] = operand;
    if (isOne(operand)) return;
    if (inner == 1 && mid == period) {
      registers_[i] = const_cast<float*>(sources_[i]) + start;
      return;
    }
    const int64_t content = inner == 1 ? start % mid * PIECE + count : start % inner + count <= inner ? start / inner : -1;
    if (period == program_.size && isThere(i, content)) return;
    for (int done = 0; done < count;) {
      const int64_t at = start + done, row = at / inner;
      const float* from = sources_[i] + at / period * mid + row % mid;
      const int64_t rest = inner == 1 ? mid - row % mid : inner - at % inner;
      const int some = int(std::min<int64_t>(rest, count - done));
      if (inner == 1) std::memcpy(registers_[i] + done, from, some * sizeof(float));
      else std::fill_n(registers_[i] + done, some, *from);
      done += some;
    }
  }

  /** Whether a register holds what `content` stands for since the piece before: whole periods from one place, or one element. */
  bool isThere(int i, int64_t content) {
    if (content >= 0 && filled_[i] == content) return true;
    filled_[i] = content;
    return false;
  }

  const Program& program_;
  const std::vector<const float*>& sources_;
  std::vector<float*>& registers_;
  std::vector<int64_t>& filled_;
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
  return byo::tasksFor(count, program.size * int64_t(program.steps.size() + 1), TASK_STEPS);
}

/** Elements begin … end - 1 into out, on this thread. */
inline void evaluatePart(const Program& program, const std::vector<const float*>& operands, float* out, int64_t begin, int64_t end) {
  Evaluator evaluator(program, operands);
  for (int64_t at = begin; at < end;) {
    const int count = int(std::min<int64_t>(evaluator.piece(), end - at));
    evaluator.run(at, count, out + at);
    at += count;
  }
}

inline void evaluate(const Program& program, const std::vector<const float*>& operands, float* out, const Parallel& parallel) {
  const int64_t pieces = piecesOf(program.size, PIECE);
  inTasks(parallel, tasksFor(program, pieces), pieces, [&](int, int64_t begin, int64_t end) {
    evaluatePart(program, operands, out, begin * PIECE, std::min(program.size, end * PIECE));
  });
}

/** Adds the elements begin … end - 1 up, whole rows of [mid, inner], into sums [mid]. */
inline void addUp(Evaluator& evaluator, const Program& program, int64_t begin, int64_t end, double* sums) {
  const auto [mid, inner] = std::pair(program.mid, program.inner);
  for (int64_t at = begin; at < end;) {
    const int count = int(std::min<int64_t>(evaluator.piece(), end - at));
    const float* values = evaluator.run(at, count);
    int64_t row = at / inner % mid, within = at % inner;
    for (int done = 0; done < count; within = 0) {
      const int some = int(std::min<int64_t>(inner == 1 ? mid - row : inner - within, count - done));
      if (inner == 1) for (int i = 0; i < some; i++) sums[row + i] += values[done + i];
      else sums[row] += total(values + done, some);
      done += some, row += inner == 1 ? some : 1;
      if (row == mid) row = 0;
    }
    at += count;
  }
}

/** Sums of [outer, mid, inner] into out [batch, mid], for batches begin … end - 1, on this thread. */
inline void sumBatches(const Program& program, const std::vector<const float*>& operands, float* out, int64_t begin, int64_t end) {
  const int64_t mid = program.mid, summed = program.outer * mid * program.inner;
  Evaluator evaluator(program, operands);
  auto& sums = scratch().sums;
  for (int64_t i = begin; i < end; i++) {
    sums.assign(mid, 0);
    addUp(evaluator, program, i * summed, (i + 1) * summed, sums.data());
    std::copy(sums.begin(), sums.end(), out + i * mid);
  }
}

/** Sums over the last axis of [outer, mid, inner], and the first, for rows begin … end - 1 of `mid`, on this thread. */
inline void sumRows(const Program& program, const std::vector<const float*>& operands, float* out, int64_t begin, int64_t end) {
  const auto [outer, mid, inner] = std::tuple(program.outer, program.mid, program.inner);
  Evaluator evaluator(program, operands);
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
}

/** Sums into out [batch, mid]. */
inline void sum(const Program& program, const std::vector<const float*>& operands, float* out, const Parallel& parallel) {
  const int64_t batch = program.batch, outer = program.outer, mid = program.mid, inner = program.inner;
  if (batch > 1) {
    inTasks(parallel, tasksFor(program, batch), batch, [&](int, int64_t begin, int64_t end) {
      sumBatches(program, operands, out, begin, end);
    });
  } else if (inner == 1 && mid >= outer * PIECE) {
    // Few long rows are added up: pieces of all of them side by side.
    const int64_t pieces = piecesOf(mid, PIECE);
    inTasks(parallel, tasksFor(program, pieces), pieces, [&](int, int64_t begin, int64_t end) {
      Evaluator evaluator(program, operands);
      for (int64_t at = begin * PIECE; at < std::min(mid, end * PIECE); at += PIECE) {
        const int count = int(std::min<int64_t>(PIECE, mid - at));
        double sums[PIECE] = {};
        for (int64_t row = 0; row < outer; row++) {
          const float* values = evaluator.run(row * mid + at, count);
          for (int i = 0; i < count; i++) sums[i] += values[i];
        }
        std::copy_n(sums, count, out + at);
      }
    });
  } else if (inner == 1) {
    // Rows are added up: blocks of rows side by side, then their sums, which are fewer the longer the rows.
    const int tasks = tasksFor(program, std::min(outer, std::max<int64_t>(1, MOST_SUMS / mid)));
    std::vector<std::vector<double>> sums(tasks, std::vector<double>(mid));
    inTasks(parallel, tasks, outer, [&](int task, int64_t begin, int64_t end) {
      Evaluator evaluator(program, operands);
      addUp(evaluator, program, begin * mid, end * mid, sums[task].data());
    });
    for (int64_t i = 0; i < mid; i++) {
      double all = 0;
      for (const auto& own : sums) all += own[i];
      out[i] = float(all);
    }
  } else if (mid == 1) {
    const int64_t count = outer * inner;
    const int tasks = tasksFor(program, piecesOf(count, PIECE));
    std::vector<double> sums(tasks);
    inTasks(parallel, tasks, count, [&](int task, int64_t begin, int64_t end) {
      Evaluator evaluator(program, operands);
      for (int64_t at = begin; at < end; at += PIECE) {
        const int some = int(std::min<int64_t>(PIECE, end - at));
        sums[task] += total(evaluator.run(at, some), some);
      }
    });
    double all = 0;
    for (const double own : sums) all += own;
    *out = float(all);
  } else {
    inTasks(parallel, tasksFor(program, mid), mid, [&](int, int64_t begin, int64_t end) {
      sumRows(program, operands, out, begin, end);
    });
  }
}

}  // namespace byo::fused
