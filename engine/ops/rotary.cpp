#include "engine/ops/rotary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/sin.h>

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {

RotaryTable make_rotary(int64_t max_positions, int64_t head_dim, double theta, const at::TensorOptions& options) {
  // In fp32, step by step as Hugging Face does it: a position of 100,000 feels the rounding of its frequency. And on the CPU, so that
  // every device turns by the same bits.
  const auto fp32 = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor exponent = at::arange(0, head_dim, 2, fp32) / static_cast<double>(head_dim);
  const at::Tensor frequency = at::pow(theta, exponent).reciprocal();
  const at::Tensor angle = at::outer(at::arange(max_positions, fp32), frequency);
  return {at::cos(angle).to(options.device()), at::sin(angle).to(options.device())};
}

void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse) {
  const auto turn = qkv.is_cpu() ? cpu::rotary_ : aten::rotary_;
  turn(qkv, heads, kv_heads, head_dim, positions, table, inverse);
}

}  // namespace llmrun
