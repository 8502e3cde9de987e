import * as elementwise from './elementwise.js';
import { matmul, type MatmulFlags } from './linalg.js';
import { reshape, slice, transpose, type Range } from './shape.js';
import { Tensor } from './tensor.js';

/** Arithmetic as methods, so that formulas read from left to right: `p.mul(z).sum(-1).mean()`. */
declare module './tensor.js' {
  interface Tensor {
    add(b: elementwise.Operand): Tensor;
    sub(b: elementwise.Operand): Tensor;
    mul(b: elementwise.Operand): Tensor;
    div(b: elementwise.Operand): Tensor;
    neg(): Tensor;
    exp(): Tensor;
    log(): Tensor;
    sqrt(): Tensor;
    square(): Tensor;
    sum(axes?: number | readonly number[], keepDims?: boolean): Tensor;
    mean(axes?: number | readonly number[], keepDims?: boolean): Tensor;
    max(axes?: number | readonly number[], keepDims?: boolean): Tensor;
    matmul(b: Tensor, flags?: MatmulFlags): Tensor;
    reshape(shape: Shape): Tensor;
    transpose(order?: readonly number[]): Tensor;
    slice(ranges: readonly Range[]): Tensor;
    stopGradient(): Tensor;
  }
}

const methods: Partial<Tensor> & ThisType<Tensor> = {
  add(b) { return elementwise.add(this, b); },
  sub(b) { return elementwise.sub(this, b); },
  mul(b) { return elementwise.mul(this, b); },
  div(b) { return elementwise.div(this, b); },
  neg() { return elementwise.neg(this); },
  exp() { return elementwise.exp(this); },
  log() { return elementwise.log(this); },
  sqrt() { return elementwise.sqrt(this); },
  square() { return elementwise.square(this); },
  sum(axes, keepDims) { return elementwise.sum(this, axes, keepDims); },
  mean(axes, keepDims) { return elementwise.mean(this, axes, keepDims); },
  max(axes, keepDims) { return elementwise.max(this, axes, keepDims); },
  matmul(b, flags) { return matmul(this, b, flags); },
  reshape(shape) { return reshape(this, shape); },
  transpose(order) { return transpose(this, order); },
  slice(ranges) { return slice(this, ranges); },
  stopGradient() { return elementwise.stopGradient(this); },
};

Object.assign(Tensor.prototype, methods);
