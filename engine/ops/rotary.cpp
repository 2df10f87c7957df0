#include "engine/ops/rotary.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cos.h>
#include <ATen/ops/outer.h>
#include <ATen/ops/pow.h>
#include <ATen/ops/reciprocal.h>
#include <ATen/ops/sin.h>
#include <ATen/ops/where.h>

#include <cmath>

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"

namespace llmrun {
namespace {

/// fp32 [head_dim / 2], rounded where Hugging Face rounds.
at::Tensor stretched(const at::Tensor& frequency, const RopeScaling& scaling) {
  if (scaling.type == RopeType::standard) return frequency;
  const at::Tensor slow = frequency / scaling.factor;
  if (scaling.type == RopeType::linear) return slow;
  const double low = scaling.low_freq_factor, high = scaling.high_freq_factor, original = static_cast<double>(scaling.original_positions);
  const at::Tensor wavelength = 2 * M_PI / frequency;
  const at::Tensor share = (original / wavelength - low) / (high - low);
  const at::Tensor blended = (1 - share) * frequency / scaling.factor + share * frequency;
  return at::where(wavelength > original / low, slow, at::where(wavelength < original / high, frequency, blended));
}

}  // namespace

RotaryTable make_rotary(int64_t max_positions, int64_t head_dim, double theta, const RopeScaling& scaling,
                        const at::TensorOptions& options) {
  // In fp32, step by step as Hugging Face does it: a position of 100,000 feels the rounding of its frequency. And on the CPU, so that
  // every device turns by the same bits.
  const auto fp32 = at::TensorOptions().dtype(at::kFloat);
  const at::Tensor exponent = at::arange(0, head_dim, 2, fp32) / static_cast<double>(head_dim);
  const at::Tensor frequency = stretched(at::pow(theta, exponent).reciprocal(), scaling);
  const at::Tensor angle = at::outer(at::arange(max_positions, fp32), frequency);
  return {at::cos(angle).to(options.device()), at::sin(angle).to(options.device())};
}

void rotary_(const at::Tensor& qkv, int64_t heads, int64_t kv_heads, int64_t head_dim, const at::Tensor& positions,
             const RotaryTable& table, bool inverse) {
  const auto turn = qkv.is_cpu() ? cpu::rotary_ : aten::rotary_;
  turn(qkv, heads, kv_heads, head_dim, positions, table, inverse);
}

}  // namespace llmrun
