#pragma once
// What custom operators need of ONNX Runtime's C API, without its headers: OrtApi is an append-only table of functions, each known by
// its position (those of API version 24 hold for every later version), and OrtCustomOp the struct that the runtime calls back through.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <vector>

namespace byo::ort {

constexpr uint32_t API_VERSION = 24;
using Status = void*;
using Api = void* const*;

enum Position {
  CREATE_STATUS = 0, CREATE_DOMAIN = 26, ADD_OP = 27, ADD_DOMAIN = 28, TENSOR_DATA = 51, DIMENSION_COUNT = 61, DIMENSIONS = 62,
  SHAPE_OF = 65, INPUT_COUNT = 88, INPUT = 90, OUTPUT = 91, RELEASE_SHAPE = 99, ATTRIBUTE_INTS = 163, PARALLEL_FOR = 274,
};

/** Calls the function at a position of the table. */
template <typename Result = Status, typename... Args>
Result call(Api api, Position position, Args... args) {
  return reinterpret_cast<Result (*)(Args...)>(api[position])(args...);
}

/** The runtime's own error, to be handed back to it. */
struct Failed {
  Status status;
};
inline void check(Status status) {
  if (status) throw Failed{status};
}

/** OrtCustomOp of version 24 of the API. */
struct CustomOp {
  uint32_t version;
  void* (*createKernel)(const CustomOp*, Api, const void* info);
  const char* (*name)(const CustomOp*);
  const char* (*provider)(const CustomOp*);
  int (*inputType)(const CustomOp*, size_t);
  size_t (*inputCount)(const CustomOp*);
  int (*outputType)(const CustomOp*, size_t);
  size_t (*outputCount)(const CustomOp*);
  void (*compute)(void* kernel, void* context);
  void (*destroyKernel)(void* kernel);
  int (*inputKind)(const CustomOp*, size_t);
  int (*outputKind)(const CustomOp*, size_t);
  int (*inputMemory)(const CustomOp*, size_t);
  int (*variadicInputs)(const CustomOp*);
  int (*variadicInputsAlike)(const CustomOp*);
  int (*variadicOutputs)(const CustomOp*);
  int (*variadicOutputsAlike)(const CustomOp*);
  Status (*tryCreateKernel)(const CustomOp*, Api, const void* info, void** kernel);
  Status (*tryCompute)(void* kernel, void* context);
  Status (*inferShapes)(const CustomOp*, void* context);
  int (*startVersion)(const CustomOp*);
  int (*endVersion)(const CustomOp*);
  size_t (*mayInplace)(int**, int**);
  void (*releaseInplace)(int*, int*);
  size_t (*aliases)(int**, int**);
  void (*releaseAliases)(int*, int*);
};

struct Input {
  const float* data = nullptr;
  std::vector<int64_t> shape;
  int extent(size_t axis) const { return int(shape[axis]); }
};

/** One run of a kernel. */
class Context {
 public:
  Context(Api api, void* context, const std::vector<int64_t>& numbers, const void* prepared)
      : api_(api), context_(context), numbers_(numbers), prepared_(prepared) {}

  size_t inputs() const {
    size_t count = 0;
    check(call(api_, INPUT_COUNT, context_, &count));
    return count;
  }

  /** The numbers of the node's attribute `numbers`, and what the operator made of them. */
  const std::vector<int64_t>& numbers() const { return numbers_; }
  const void* prepared() const { return prepared_; }

  /** An input's floats; nullptr where it was left out. */
  const float* data(size_t index) const {
    void* value = nullptr;
    float* data = nullptr;
    check(call(api_, INPUT, context_, index, &value));
    if (value) check(call(api_, TENSOR_DATA, value, &data));
    return data;
  }

  /** An input with its shape; without data where it was left out. */
  Input input(size_t index) const {
    Input result;
    void *value = nullptr, *info = nullptr;
    if (index >= inputs()) return result;
    check(call(api_, INPUT, context_, index, &value));
    if (!value) return result;
    check(call(api_, SHAPE_OF, value, &info));
    size_t rank = 0;
    check(call(api_, DIMENSION_COUNT, info, &rank));
    result.shape.resize(rank);
    check(call(api_, DIMENSIONS, info, result.shape.data(), rank));
    call<void>(api_, RELEASE_SHAPE, info);
    check(call(api_, TENSOR_DATA, value, const_cast<float**>(&result.data)));
    return result;
  }

  float* output(size_t index, const std::vector<int64_t>& shape) const {
    void* value = nullptr;
    float* data = nullptr;
    check(call(api_, OUTPUT, context_, index, shape.data(), shape.size(), &value));
    check(call(api_, TENSOR_DATA, value, &data));
    return data;
  }

  /** Tasks 0 … count - 1 on the session's threads. An exception of one of them arrives here. */
  void parallel(int count, const std::function<void(int)>& task) const {
    if (count == 1) return task(0);
    struct Tasks {
      const std::function<void(int)>& task;
      std::vector<std::exception_ptr> errors;
    } tasks{task, std::vector<std::exception_ptr>(count)};
    const auto run = [](void* data, size_t index) {
      auto& all = *static_cast<Tasks*>(data);
      try {
        all.task(int(index));
      } catch (...) {
        all.errors[index] = std::current_exception();
      }
    };
    void (*const plain)(void*, size_t) = run;
    constexpr size_t ANY_NUMBER_OF_BATCHES = 0;
    check(call(api_, PARALLEL_FOR, context_, plain, size_t(count), ANY_NUMBER_OF_BATCHES, static_cast<void*>(&tasks)));
    for (const auto& error : tasks.errors) if (error) std::rethrow_exception(error);
  }

 private:
  Api api_;
  void* context_;
  const std::vector<int64_t>& numbers_;
  const void* prepared_;
};

/** What an operator is, apart from the struct that says so to the runtime. */
struct Description {
  const char* name;
  /** Inputs at most, of which those after the first `required` may be left out, and outputs. 0: any number. */
  size_t inputs, required, outputs;
  /** Whether nodes have the attribute `numbers`. */
  bool numbers;
  void (*run)(const Context&);
  /** Makes something of the numbers once, where a node is created. */
  std::shared_ptr<void> (*prepare)(const std::vector<int64_t>& numbers) = nullptr;
};

/** An operator of floats. */
struct Operator : CustomOp {
  Description is;
  explicit Operator(const Description& is);
};

inline const Description& descriptionOf(const CustomOp* op) { return static_cast<const Operator*>(op)->is; }

struct Kernel {
  Api api;
  const Description& is;
  std::vector<int64_t> numbers;
  std::shared_ptr<void> prepared;
};

inline Status failure(Api api, const char* message) {
  constexpr int FAIL = 1;
  return call<Status>(api, CREATE_STATUS, FAIL, message);
}

inline Status createKernel(const CustomOp* op, Api api, const void* info, void** kernel) {
  const Description& is = descriptionOf(op);
  std::vector<int64_t> numbers;
  if (is.numbers) {
    size_t count = 0;
    if (Status status = call(api, ATTRIBUTE_INTS, info, "numbers", static_cast<int64_t*>(nullptr), &count)) return status;
    numbers.resize(count);
    if (Status status = call(api, ATTRIBUTE_INTS, info, "numbers", numbers.data(), &count)) return status;
  }
  auto prepared = is.prepare ? is.prepare(numbers) : nullptr;
  *kernel = new Kernel{api, is, std::move(numbers), std::move(prepared)};
  return nullptr;
}

inline Status runKernel(void* kernel, void* context) {
  const auto& [api, is, numbers, prepared] = *static_cast<Kernel*>(kernel);
  try {
    is.run(Context(api, context, numbers, prepared.get()));
    return nullptr;
  } catch (const Failed& failed) {
    return failed.status;
  } catch (const std::exception& error) {
    return failure(api, error.what());
  }
}

inline Operator::Operator(const Description& is) : CustomOp{}, is(is) {
  constexpr int FLOAT = 1, REQUIRED = 0, OPTIONAL = 1, VARIADIC = 2;
  const auto one = [](const CustomOp*) { return 1; };
  version = API_VERSION;
  name = [](const CustomOp* op) { return descriptionOf(op).name; };
  provider = [](const CustomOp*) -> const char* { return nullptr; };
  inputType = outputType = [](const CustomOp*, size_t) { return FLOAT; };
  inputCount = [](const CustomOp* op) { return std::max<size_t>(1, descriptionOf(op).inputs); };
  outputCount = [](const CustomOp* op) { return std::max<size_t>(1, descriptionOf(op).outputs); };
  destroyKernel = [](void* kernel) { delete static_cast<Kernel*>(kernel); };
  inputKind = [](const CustomOp* op, size_t index) {
    return descriptionOf(op).inputs == 0 ? VARIADIC : index < descriptionOf(op).required ? REQUIRED : OPTIONAL;
  };
  outputKind = [](const CustomOp* op, size_t) { return descriptionOf(op).outputs == 0 ? VARIADIC : REQUIRED; };
  inputMemory = [](const CustomOp*, size_t) { return 0; };
  variadicInputs = variadicInputsAlike = variadicOutputs = variadicOutputsAlike = one;
  tryCreateKernel = ort::createKernel;
  tryCompute = ort::runKernel;
  startVersion = one;
  endVersion = [](const CustomOp*) { return INT32_MAX; };
}

}  // namespace byo::ort
