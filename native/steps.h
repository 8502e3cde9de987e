#pragma once
// A part of the graph, step by step: what lies between its inputs and its results has a place in memory of its own.

#include <cstdint>
#include <variant>
#include <vector>

#include "arrange.h"
#include "fused.h"
#include "parallel.h"
#include "product.h"
#include "vector.h"

namespace byo::steps {

/** Whole numbers one after the other. */
class Numbers {
 public:
  explicit Numbers(const std::vector<int64_t>& all) : at_(all.begin()) {}
  int64_t next() { return *at_++; }

  /** As many things as the next number says, each made of the numbers that follow. */
  template <typename Thing>
  std::vector<Thing> list() {
    std::vector<Thing> things;
    for (int64_t count = next(); count > 0; count--) things.emplace_back(*this);
    return things;
  }

 private:
  std::vector<int64_t>::const_iterator at_;
};

/**
 * Where a tensor is: an input or an output of the operator by number, or memory from a float on, which all tasks share or each has
 * for its own blocks of `block` floats each.
 */
struct Place {
  enum Where { INPUT, OUTPUT, SHARED, OWN } where;
  int64_t at, block;
  explicit Place(Numbers& numbers) : where(Where(numbers.next())), at(numbers.next()), block(numbers.next()) {}
};

/** The steps' operations; `src/core/engine/onnx/unit.ts` has them in the same order. */
using Operation = std::variant<product::Product, fused::Program, arrange::Arrangement>;

inline Operation operationOf(Numbers& numbers) {
  switch (numbers.next()) {
    case 0: return product::Product(numbers);
    case 1: return fused::Program(numbers);
    default: return arrange::Arrangement(numbers);
  }
}

struct Step {
  Place result;
  std::vector<Place> operands;
  Operation operation;
  explicit Step(Numbers& numbers) : result(numbers), operands(numbers.list<Place>()), operation(operationOf(numbers)) {}
};

/**
 * Steps whose results are made of `blocks`, of which each needs only the same block of what the stage has made before. So every task
 * goes through all the steps with blocks of its own, and waits for no other. One task alone has the threads for each step in turn.
 */
struct Stage {
  int64_t blocks;
  int tasks;
  /** Floats of memory that each task has to itself. */
  int64_t own;
  std::vector<Step> steps;
  explicit Stage(Numbers& numbers)
      : blocks(numbers.next()), tasks(int(numbers.next())), own(numbers.next()), steps(numbers.list<Step>()) {}
};

struct Shape {
  std::vector<int64_t> extents;
  explicit Shape(Numbers& numbers) : extents(numbers.next()) {
    for (auto& extent : extents) extent = numbers.next();
  }
};

/** Stages in their order, from numbers in the order of the fields. */
struct Steps {
  /** Shapes of the outputs. */
  std::vector<Shape> outputs;
  /** Floats of memory that all tasks share, and with what they have to themselves. */
  int64_t shared, floats;
  std::vector<Stage> stages;
  mutable Buffer memory;

  explicit Steps(Numbers numbers)
      : outputs(numbers.list<Shape>()), shared(numbers.next()), floats(numbers.next()), stages(numbers.list<Stage>()) {}
};

/** Where the tensors of a run are. */
struct Memory {
  const std::vector<const float*>& inputs;
  const std::vector<float*>& outputs;
  float *shared, *own;
  /** The first of the blocks that `own` holds. */
  int64_t block;

  float* at(const Place& place) const {
    switch (place.where) {
      case Place::INPUT: return const_cast<float*>(inputs[place.at]);
      case Place::OUTPUT: return outputs[place.at];
      case Place::SHARED: return shared + place.at;
      default: return own + place.at - block * place.block;
    }
  }

  /** Valid until the thread's next call. */
  const std::vector<const float*>& at(const std::vector<Place>& places) const {
    auto& all = scratch().operands;
    all.resize(places.size());
    for (size_t i = 0; i < all.size(); i++) all[i] = at(places[i]);
    return all;
  }
};

/** A whole step, on all threads. */
inline void run(const Step& step, const Memory& memory, const Parallel& parallel) {
  const auto& operands = memory.at(step.operands);
  float* result = memory.at(step.result);
  if (const auto* product = std::get_if<product::Product>(&step.operation)) {
    product::multiply(*product, operands, result, parallel);
  } else if (const auto* program = std::get_if<fused::Program>(&step.operation)) {
    if (program->sums) fused::sum(*program, operands, result, parallel);
    else fused::evaluate(*program, operands, result, parallel);
  } else {
    arrange::run(std::get<arrange::Arrangement>(step.operation), operands, result, parallel);
  }
}

/** Blocks begin … end - 1 of a step's result, on this thread. */
inline void runBlocks(const Step& step, const Memory& memory, int64_t blocks, int64_t begin, int64_t end) {
  const auto& operands = memory.at(step.operands);
  float* result = memory.at(step.result);
  if (const auto* p = std::get_if<product::Product>(&step.operation)) {
    const product::Multiplication multiplication(*p, operands, result);
    const int64_t of = (p->batch > 1 ? p->batch : p->m) / blocks;
    if (p->batch > 1) multiplication.matrices(begin * of, end * of);
    else multiplication.rows(begin * of, end * of);
    return;
  }
  const auto& program = std::get<fused::Program>(step.operation);
  const int64_t of = (!program.sums ? program.size : program.batch > 1 ? program.batch : program.mid) / blocks;
  (!program.sums ? fused::evaluatePart : program.batch > 1 ? fused::sumBatches : fused::sumRows)(
    program, operands, result, begin * of, end * of);
}

inline void run(const Steps& all, const std::vector<const float*>& inputs, const std::vector<float*>& outputs, const Parallel& parallel) {
  float* memory = all.memory.floats(all.floats);
  for (const Stage& stage : all.stages) {
    if (stage.tasks == 1) {
      const Memory whole{inputs, outputs, memory, memory + all.shared, 0};
      for (const Step& step : stage.steps) run(step, whole, parallel);
      continue;
    }
    inTasks(parallel, stage.tasks, stage.blocks, [&](int task, int64_t begin, int64_t end) {
      const Memory own{inputs, outputs, memory, memory + all.shared + task * stage.own, begin};
      for (const Step& step : stage.steps) runBlocks(step, own, stage.blocks, begin, end);
    });
  }
}

}  // namespace byo::steps
