/** Runs programs of the graph language: lowering to ONNX, ONNX Runtime, TensorFlow.js, devices. */
export { compile, type CompileOptions, type Executable } from './executable.js';
export { DEVICES, isDevice, parseDevice, physicalCores, PROVIDER_NAME, type Device, type Processor } from './device.js';
export { nativeOperators, NATIVE_VARIABLE } from './native.js';
export { runtime, OrtError } from './ort.js';
export { loadTensorFlow } from './tensorflow/load.js';
