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

}  // namespace

TEST_CASE("rotary turns queries and keys as Hugging Face does, leaves values, and the inverse turns back") {
  for (const Path& path : paths()) {
    const auto turn = path.pick(cpu::rotary_, aten::rotary_);
    for (const auto dtype : kDtypes) {
      for (const auto& [tokens, heads, kv_heads, d] : {std::array<int64_t, 4>{1, 1, 1, 8}, {9, 4, 2, 16}, {33, 3, 1, 128}}) {
        const at::Tensor x = normal({tokens, (heads + 2 * kv_heads) * d}, 1, dtype);
        const at::Tensor positions = at::arange(tokens - 1, -1, -1, at::kLong) * 7;
        const RotaryTable table = make_rotary(7 * tokens, d, 10000.0, path.device);
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
