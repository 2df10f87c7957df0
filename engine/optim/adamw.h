#pragma once
#include <ATen/core/Tensor.h>
#include <c10/util/BFloat16.h>

#include <cstdint>
#include <vector>

namespace llmrun {

/// AdamW (Loshchilov and Hutter 2019) in the arithmetic of torch.optim.AdamW: decay first, bias corrections, eps added to
/// sqrt(v) / sqrt(1 - beta2^step).
struct AdamWStep {
  double lr = 0;
  double beta1 = 0.9;
  double beta2 = 0.95;
  double eps = 1e-8;
  double weight_decay = 0;
  int64_t step = 1;       // from 1
  double grad_scale = 1;  // multiplies the gradient as it is read: clip coefficient / tokens of the global batch
};

/// One pass over n elements of fp32 state. `decay`: apply weight_decay (tensors of two or more dims only: the caller knows).
/// param_out: where the rounded weights of a bf16 model go, or null. Elementwise: the same bits for any number of threads or shards.
void adamw(float* master, float* m, float* v, const float* grad, int64_t n, bool decay, const AdamWStep& step, at::BFloat16* param_out);

/// The same on flat fp32 tensors, on a CPU or a GPU; param_out: same numel, any floating dtype, or undefined.
void adamw(const at::Tensor& master, const at::Tensor& m, const at::Tensor& v, const at::Tensor& grad, bool decay, const AdamWStep& step,
           const at::Tensor& param_out);

/// The same in ATen operators: what a GPU runs; on any device, so that tests hold it against the loop.
void adamw_aten(const at::Tensor& master, const at::Tensor& m, const at::Tensor& v, const at::Tensor& grad, bool decay,
                const AdamWStep& step, const at::Tensor& param_out);

/// Sum of squares in fp64 over fixed blocks: the same bits for any number of threads.
double sum_of_squares(const float* values, int64_t n);
/// Of parts of a buffer, fp32 and contiguous, on a CPU or a GPU, which it waits for once.
double sum_of_squares(const std::vector<at::Tensor>& parts);
/// The same in ATen operators, on any device.
double sum_of_squares_aten(const std::vector<at::Tensor>& parts);

}  // namespace llmrun
