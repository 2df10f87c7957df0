#include "engine/optim/adamw.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/sum.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/ops/simd.h"

namespace llmrun {
namespace {

constexpr int64_t kElementsPerThread = 32768;
constexpr int64_t kBlock = 16384;

/// A step's scalars as the loop needs them: computed in fp64 once, as PyTorch does, then fp32.
struct Scalars {
  explicit Scalars(const AdamWStep& s, bool decay)
      : keep(static_cast<float>(1.0 - (decay ? s.lr * s.weight_decay : 0.0))),
        first_rate(static_cast<float>(1.0 - s.beta1)),
        second_keep(static_cast<float>(s.beta2)),
        second_rate(static_cast<float>(1.0 - s.beta2)),
        step_size(static_cast<float>(s.lr / (1.0 - std::pow(s.beta1, static_cast<double>(s.step))))),
        root_correction(static_cast<float>(std::sqrt(1.0 - std::pow(s.beta2, static_cast<double>(s.step))))),
        eps(static_cast<float>(s.eps)),
        grad_scale(static_cast<float>(s.grad_scale)) {}
  float keep, first_rate, second_keep, second_rate, step_size, root_correction, eps, grad_scale;
};

LLMRUN_SIMD void update(float* __restrict master, float* __restrict m, float* __restrict v, const float* __restrict grad, int64_t n,
                        const Scalars& s) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) {
    const float g = grad[i] * s.grad_scale;
    m[i] += (g - m[i]) * s.first_rate;
    v[i] = v[i] * s.second_keep + g * g * s.second_rate;
    master[i] = master[i] * s.keep - s.step_size * m[i] / (std::sqrt(v[i]) / s.root_correction + s.eps);
  }
}

LLMRUN_SIMD void round_to(const float* __restrict master, at::BFloat16* __restrict out, int64_t n) {
#pragma omp simd
  for (int64_t i = 0; i < n; ++i) out[i] = narrow<at::BFloat16>(master[i]);
}

LLMRUN_SIMD double squares(const float* values, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += static_cast<double>(values[i]) * values[i];
  return sum;
}

}  // namespace

void adamw(float* master, float* m, float* v, const float* grad, int64_t n, bool decay, const AdamWStep& step, at::BFloat16* param_out) {
  const Scalars scalars(step, decay);
  // Blocks, so that the rounded copy is made while the weights are still in the cache.
  at::parallel_for(0, (n + kBlock - 1) / kBlock, kElementsPerThread / kBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      const int64_t at = block * kBlock, size = std::min(kBlock, n - at);
      update(master + at, m + at, v + at, grad + at, size, scalars);
      if (param_out) round_to(master + at, param_out + at, size);
    }
  });
}

void adamw(const at::Tensor& master, const at::Tensor& m, const at::Tensor& v, const at::Tensor& grad, bool decay, const AdamWStep& step,
           const at::Tensor& param_out) {
  if (!master.is_cpu()) return adamw_aten(master, m, v, grad, decay, step, param_out);
  const bool rounds = param_out.defined() && param_out.scalar_type() == at::kBFloat16;
  adamw(master.mutable_data_ptr<float>(), m.mutable_data_ptr<float>(), v.mutable_data_ptr<float>(), grad.const_data_ptr<float>(),
        master.numel(), decay, step, rounds ? param_out.mutable_data_ptr<at::BFloat16>() : nullptr);
  if (param_out.defined() && !rounds) param_out.copy_(master.view(param_out.sizes()));
}

void adamw_aten(const at::Tensor& master, const at::Tensor& m, const at::Tensor& v, const at::Tensor& grad, bool decay,
                const AdamWStep& step, const at::Tensor& param_out) {
  const at::Tensor count = at::full({}, static_cast<double>(step.step), master.options());
  at::_fused_adamw_({master}, {grad * step.grad_scale}, {m}, {v}, /*max_exp_avg_sqs=*/{}, {count}, step.lr, step.beta1, step.beta2,
                    decay ? step.weight_decay : 0.0, step.eps, /*amsgrad=*/false, /*maximize=*/false);
  if (param_out.defined()) param_out.copy_(master.view(param_out.sizes()));
}

double sum_of_squares(const float* values, int64_t n) {
  const int64_t blocks = (n + kBlock - 1) / kBlock;
  std::vector<double> partials(blocks);
  at::parallel_for(0, blocks, kElementsPerThread / kBlock, [&](int64_t first, int64_t last) {
    for (int64_t block = first; block < last; ++block) {
      partials[block] = squares(values + block * kBlock, std::min(kBlock, n - block * kBlock));
    }
  });
  double sum = 0;
  for (const double partial : partials) sum += partial;
  return sum;
}

double sum_of_squares(const std::vector<at::Tensor>& parts) {
  if (!parts.empty() && !parts[0].is_cpu()) return sum_of_squares_aten(parts);
  double sum = 0;
  for (const at::Tensor& part : parts) sum += sum_of_squares(part.const_data_ptr<float>(), part.numel());
  return sum;
}

double sum_of_squares_aten(const std::vector<at::Tensor>& parts) {
  std::vector<at::Tensor> norms;
  for (const at::Tensor& part : parts)
    norms.push_back(at::linalg_vector_norm(part, 2, /*dim=*/std::nullopt, /*keepdim=*/false, at::kDouble));
  return norms.empty() ? 0.0 : at::stack(norms).square().sum().item<double>();
}

}  // namespace llmrun
