#pragma once
#include <ATen/core/Tensor.h>

namespace llmrun {

// Matrix products whose sum is wanted in fp32, whatever the dtype of the factors. A GPU has them (bf16 in, fp32 out); oneDNN rounds a bf16
// product to bf16 once, at its end; a CPU makes those of fp16, whose range a sum leaves easily, of fp32 copies. a: [m, k], b: [k, n], of
// one dtype, transposed views welcome; results are fp32 [m, n].

at::Tensor product_in_fp32(const at::Tensor& a, const at::Tensor& b);

/// total becomes a b, or grows by it when `accumulate`. On a GPU the GEMM itself adds: no second pass.
void product_into(const at::Tensor& total, const at::Tensor& a, const at::Tensor& b, bool accumulate);

}  // namespace llmrun
