#include "engine/ops/attention_cpu.h"

#include <cmath>

#include "engine/core/error.h"
#include "tests/engine/ops/attention_cases.h"

namespace llmrun {

TEST_CASE("a CPU without bf16 products widens instead, and gives what fp32 gives") {
  for (const int64_t seq : {1, 37, 600}) {
    const AttentionCase c{2, seq, 4, 2, 16};
    const at::Tensor qkv = normal({2 * seq, 128}, 1, at::kBFloat16), dout = normal({2, seq, 4, 16}, 2, at::kBFloat16);
    const at::Tensor wide = qkv.to(at::kFloat), dqkv = at::empty_like(qkv), dwide = at::empty_like(wide);
    const AttentionResult expected = attention_forward_cpu(c.split(wide), {}), forward = attention_forward_cpu(c.split(qkv), {});
    CHECK(distance(forward.out, expected.out) < tolerance(at::kBFloat16));
    attention_backward_cpu(dout, c.split(qkv), {}, forward, c.split(dqkv));
    attention_backward_cpu(dout.to(at::kFloat), c.split(wide), {}, expected, c.split(dwide));
    CHECK(distance(dqkv, dwide) < tolerance(at::kBFloat16));
  }
}

TEST_CASE("lse is the logarithm of the softmax's denominator, -inf where a query sees nothing") {
  const AttentionCase c{2, 70, 2, 2, 8};
  const at::Tensor qkv = normal({140, 48}, 1);
  const at::Tensor heads = qkv.view({2, 70, 6, 8}).transpose(1, 2);
  const at::Tensor scores = at::matmul(heads.narrow(1, 0, 2), heads.narrow(1, 2, 2).transpose(-2, -1)) / std::sqrt(8.0);
  const at::Tensor expected = scores.masked_fill(at::ones({70, 70}, at::kBool).triu(1), -INFINITY).logsumexp(-1);
  for (const auto kind : {AttentionKind::automatic, AttentionKind::plain}) {
    CHECK(distance(attention_forward(c.split(qkv), {}, kind).lse, expected) < 1e-6);
    const AttentionMask nothing{false, at::full({2, 70}, 70, at::kLong)};
    CHECK(attention_forward(c.split(qkv), nothing, kind).lse.eq(-INFINITY).all().item<bool>());
  }
}

TEST_CASE("cudnn on a CPU is refused by name") {
  const AttentionCase c{1, 4, 1, 1, 8};
  CHECK_THROWS_AS(attention_forward(c.split(normal({4, 24}, 1)), {}, AttentionKind::cudnn), Error);
}

}  // namespace llmrun
