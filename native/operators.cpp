// byo's operators for ONNX Runtime on the CPU: `make native` builds this file, `src/core/engine/native.ts` finds the library.

#include "direct.h"
#include "maps.h"
#include "ort.h"
#include "steps.h"
#include "winograd.h"

namespace byo {

/** Raised with every change of an operator's meaning: the program loads only the version that it was written for. */
constexpr int VERSION = 2;

using ort::Context;
using ort::Input;
using winograd::Filters;
using winograd::Images;

Images imagesOf(const Input& x) { return {x.extent(0), x.extent(1), x.extent(2), x.extent(3)}; }

Parallel threadsOf(const Context& context) {
  return [&context](int count, const std::function<void(int)>& task) { context.parallel(count, task); };
}

/** x [N, C, H, W], w [K, C, 3, 3], bias [K] or nothing -> [N, K, H, W] */
void convolution(const Context& context) {
  const Input x = context.input(0), w = context.input(1), bias = context.input(2);
  const Images images = imagesOf(x);
  float* y = context.output(0, {x.shape[0], w.shape[0], x.shape[2], x.shape[3]});
  winograd::convolve(x.data, images, Filters{w.data, w.extent(0), w.extent(1), false}, bias.data, y, threadsOf(context));
}

/** dy [N, K, H, W], w [K, C, 3, 3] -> [N, C, H, W] */
void inputGradient(const Context& context) {
  const Input dy = context.input(0), w = context.input(1);
  float* dx = context.output(0, {dy.shape[0], w.shape[1], dy.shape[2], dy.shape[3]});
  winograd::convolve(dy.data, imagesOf(dy), Filters{w.data, w.extent(0), w.extent(1), true}, nullptr, dx, threadsOf(context));
}

/** x [N, C, H, W], dy [N, K, H, W] -> [K, C, 3, 3] */
void filterGradient(const Context& context) {
  const Input x = context.input(0), dy = context.input(1);
  float* dw = context.output(0, {dy.shape[1], x.shape[1], 3, 3});
  winograd::filterGradient(x.data, imagesOf(x), dy.data, dy.extent(1), dw, threadsOf(context));
}

/** A convolution of any kind; the numbers are height and width of x, filterHeight, filterWidth, stride, padding and dilation. */
direct::Convolution convolutionOf(const Context& context, int64_t count, int64_t c, int64_t k) {
  int n[7];
  std::copy_n(context.numbers().begin(), 7, n);
  return {int(count), int(c), n[0], n[1], int(k), n[2], n[3], n[4], n[5], n[6]};
}

/** dy [N, K, ...], w [K, C, ...] -> [N, C, H, W] */
void directInputGradient(const Context& context) {
  const Input dy = context.input(0), w = context.input(1);
  const auto conv = convolutionOf(context, dy.shape[0], w.shape[1], w.shape[0]);
  direct::inputGradient(dy.data, conv, w.data, context.output(0, {conv.count, conv.c, conv.height, conv.width}), threadsOf(context));
}

/** x [N, C, H, W], dy [N, K, ...] -> [K, C, ...] */
void directFilterGradient(const Context& context) {
  const Input x = context.input(0), dy = context.input(1);
  const auto conv = convolutionOf(context, x.shape[0], x.shape[1], dy.shape[1]);
  float* dw = context.output(0, {conv.k, conv.c, conv.filterHeight, conv.filterWidth});
  direct::filterGradient(x.data, conv, dy.data, dw, threadsOf(context));
}

/** What products, expressions and arrangements compute, one or many; the numbers are those of steps::Steps. */
void runSteps(const Context& context) {
  const auto& all = *static_cast<const steps::Steps*>(context.prepared());
  std::vector<const float*> inputs(context.inputs());
  for (size_t i = 0; i < inputs.size(); i++) inputs[i] = context.data(i);
  std::vector<float*> outputs(all.outputs.size());
  for (size_t i = 0; i < outputs.size(); i++) outputs[i] = context.output(i, all.outputs[i].extents);
  steps::run(all, inputs, outputs, threadsOf(context));
}

std::shared_ptr<void> prepareSteps(const std::vector<int64_t>& numbers) { return std::make_shared<steps::Steps>(steps::Numbers(numbers)); }

/** One operator under several names, which say what the steps of a node are. */
ort::Description stepsNamed(const char* name) { return {name, 0, 1, 0, true, runSteps, prepareSteps}; }

/** x [N, C, ...], weight [C], bias [C] -> y as x, mean [C], population variance [C]; the number is the bits of epsilon, a float. */
void batchNorm(const Context& context) {
  const Input x = context.input(0);
  const float eps = floatOf(context.numbers()[0]);
  const std::vector<int64_t> channels{x.shape[1]};
  int64_t pixels = 1;
  for (size_t axis = 2; axis < x.shape.size(); axis++) pixels *= x.shape[axis];
  float* y = context.output(0, x.shape);
  float* mean = context.output(1, channels);
  float* variance = context.output(2, channels);
  maps::batchNorm(x.data, x.extent(0), x.extent(1), pixels, context.data(1), context.data(2), eps, y, mean, variance, threadsOf(context));
}

/** x [N, C, H, W], its pooled y and y's gradient [N, C, H / s, W / s] -> x's gradient; the number is s. */
void maxPoolGradient(const Context& context) {
  const Input x = context.input(0);
  maps::maxPoolGradient(x.data, context.data(1), context.data(2), x.shape[0] * x.shape[1], x.extent(2), x.extent(3),
    int(context.numbers()[0]), context.output(0, x.shape), threadsOf(context));
}

ort::Operator operators[] = {
  ort::Operator({"Conv3x3", 3, 2, 1, false, convolution}),
  ort::Operator({"Conv3x3InputGrad", 2, 2, 1, false, inputGradient}),
  ort::Operator({"Conv3x3FilterGrad", 2, 2, 1, false, filterGradient}),
  ort::Operator({"ConvInputGrad", 2, 2, 1, true, directInputGradient}),
  ort::Operator({"ConvFilterGrad", 2, 2, 1, true, directFilterGradient}),
  ort::Operator(stepsNamed("Product")),
  ort::Operator(stepsNamed("Expression")),
  ort::Operator(stepsNamed("Arrangement")),
  ort::Operator(stepsNamed("Steps")),
  ort::Operator({"BatchNorm", 3, 3, 3, true, batchNorm}),
  ort::Operator({"MaxPoolGrad", 3, 3, 1, true, maxPoolGradient}),
};

}  // namespace byo

extern "C" {

int byo_native_version() { return byo::VERSION; }

/** Whether this processor has what the compiler made use of. */
int byo_native_runs_here() {
#if defined(__x86_64__)
  __builtin_cpu_init();
#ifdef __AVX512F__
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512vl") || !__builtin_cpu_supports("avx512dq")) return 0;
#endif
#ifdef __AVX2__
  if (!__builtin_cpu_supports("avx2")) return 0;
#endif
#ifdef __FMA__
  if (!__builtin_cpu_supports("fma")) return 0;
#endif
#endif
  return 1;
}

struct ApiBase {
  byo::ort::Api (*api)(uint32_t version);
  const char* (*version)();
};

/** What ONNX Runtime calls where the library is registered with a session's options. */
void* RegisterCustomOps(void* options, const ApiBase* base) {
  using namespace byo::ort;
  const Api api = base->api(API_VERSION);
  static void* const domain = [api]() -> void* {
    void* created = nullptr;
    if (call(api, CREATE_DOMAIN, "byo", &created)) return nullptr;
    for (auto& op : byo::operators) if (call(api, ADD_OP, created, static_cast<CustomOp*>(&op))) return nullptr;
    return created;
  }();
  if (!domain) return failure(api, "byo's operators could not be registered");
  return call(api, ADD_DOMAIN, options, domain);
}

}
