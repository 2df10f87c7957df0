#include "engine/ops/rotary.h"

#include "engine/ops/aten.h"
#include "engine/ops/cpu.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

/// Hugging Face's rotate_half, on one [tokens, heads, head_dim] tensor.
at::Tensor reference(const at::Tensor& x, const at::Tensor& positions, double theta) {
  const int64_t d = x.size(2);
  const at::Tensor frequency = at::pow(theta, at::arange(0, d, 2, at::kFloat) / static_cast<double>(d)).reciprocal();
  const at::Tensor half_angle = at::outer(positions.to(at::kFloat), frequency);
  const at::Tensor angle = at::cat({half_angle, half_angle}, 1).unsqueeze(1);
  const at::Tensor rotated = at::cat({-x.narrow(2, d / 2, d / 2), x.narrow(2, 0, d / 2)}, 2);
  return x * angle.cos() + rotated * angle.sin();
}

/// The frequencies of Llama 3.1 in one formula a channel (Hugging Face's modeling_rope_utils).
double llama3_frequency(double plain, const RopeScaling& scaling) {
  const double wavelength = 2 * M_PI / plain, original = static_cast<double>(scaling.original_positions);
  if (wavelength < original / scaling.high_freq_factor) return plain;
  if (wavelength > original / scaling.low_freq_factor) return plain / scaling.factor;
  const double share = (original / wavelength - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1 - share) * plain / scaling.factor + share * plain;
}

}  // namespace

TEST_CASE("angles are stretched as the model says: fast ones stay, slow ones are divided, those between are blended") {
  const int64_t d = 128;
  const RopeScaling llama3{RopeType::llama3, 8, 1, 4, 8192}, linear{RopeType::linear, 4};
  const at::Tensor stretched = make_rotary(2, d, 500000.0, llama3, {}).sin[1].asin(),
                   divided = make_rotary(2, d, 500000.0, linear, {}).sin[1].asin();
  int kept = 0, slowed = 0, blended = 0;
  for (int64_t i = 0; i < d / 2; ++i) {
    const double plain = std::pow(500000.0, -2.0 * i / d), wanted = llama3_frequency(plain, llama3);
    ++(wanted == plain ? kept : wanted == plain / 8 ? slowed : blended);
    CHECK(stretched[i].item<double>() == doctest::Approx(wanted).epsilon(1e-5));
    CHECK(divided[i].item<double>() == doctest::Approx(plain / 4).epsilon(1e-5));
  }
  CHECK((kept > 0 && slowed > 0 && blended > 0));
}

TEST_CASE("rotary turns queries and keys as Hugging Face does, leaves values, and the inverse turns back") {
  for (const Path& path : paths()) {
    const auto turn = path.pick(cpu::rotary_, aten::rotary_);
    for (const auto dtype : kDtypes) {
      for (const auto& [tokens, heads, kv_heads, d] : {std::array<int64_t, 4>{1, 1, 1, 8}, {9, 4, 2, 16}, {33, 3, 1, 128}}) {
        const at::Tensor x = normal({tokens, (heads + 2 * kv_heads) * d}, 1, dtype);
        const at::Tensor positions = at::arange(tokens - 1, -1, -1, at::kLong) * 7;
        const RotaryTable table = make_rotary(7 * tokens, d, 10000.0, {}, path.device);
        const at::Tensor qkv = path.put(x).clone();
        turn(qkv, heads, kv_heads, d, path.put(positions), table, /*inverse=*/false);
        const at::Tensor by_head = x.to(at::kFloat).view({tokens, heads + 2 * kv_heads, d});
        CHECK(distance(qkv.view({tokens, -1, d}).narrow(1, 0, heads + kv_heads),
                       reference(by_head.narrow(1, 0, heads + kv_heads), positions, 10000.0)) < tolerance(dtype));
        const auto values = [&](const at::Tensor& t) { return t.narrow(1, (heads + kv_heads) * d, kv_heads * d); };
        CHECK(same_bits(values(qkv), values(x)));
        turn(qkv, heads, kv_heads, d, path.put(positions), table, /*inverse=*/true);
        CHECK(distance(qkv, x) < tolerance(dtype));
      }
    }
  }
}

}  // namespace llmrun
