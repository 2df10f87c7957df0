#include "engine/ops/attention_cpu.h"

#include <cmath>

#include "engine/core/error.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

AttentionShape shape_of(int64_t batch, int64_t seq, int64_t heads, int64_t kv_heads, int64_t head_dim) {
  return {batch, seq, heads, kv_heads, head_dim, 1.0 / std::sqrt(static_cast<double>(head_dim))};
}

}  // namespace

TEST_CASE("a CPU without bf16 products widens instead, and gives what fp32 gives") {
  for (const int64_t seq : {1, 37, 600}) {
    const AttentionShape shape = shape_of(2, seq, 4, 2, 16);
    const at::Tensor qkv = normal({2 * seq, 128}, 1, at::kBFloat16), dout = normal({2 * seq, 64}, 2, at::kBFloat16);
    const at::Tensor wide = qkv.to(at::kFloat);
    const AttentionResult expected = attention_forward_cpu(wide, shape), forward = attention_forward_cpu(qkv, shape);
    CHECK(distance(forward.out, expected.out) < tolerance(at::kBFloat16));
    CHECK(distance(attention_backward_cpu(dout, qkv, forward, shape), attention_backward_cpu(dout.to(at::kFloat), wide, expected, shape)) <
          tolerance(at::kBFloat16));
  }
}

TEST_CASE("lse is the logarithm of the softmax's denominator") {
  const AttentionShape shape = shape_of(2, 70, 2, 2, 8);
  const at::Tensor qkv = normal({140, 48}, 1);
  const at::Tensor heads = qkv.view({2, 70, 6, 8}).transpose(1, 2);
  const at::Tensor scores = at::matmul(heads.narrow(1, 0, 2), heads.narrow(1, 2, 2).transpose(-2, -1)) * shape.scale;
  const at::Tensor expected = scores.masked_fill(at::ones({70, 70}, at::kBool).triu(1), -INFINITY).logsumexp(-1);
  CHECK(distance(attention_forward(qkv, shape, AttentionKind::automatic).lse, expected) < 1e-6);
}

TEST_CASE("cudnn on a CPU is refused by name") {
  CHECK_THROWS_AS(attention_forward(normal({4, 24}, 1), shape_of(1, 4, 1, 1, 8), AttentionKind::cudnn), Error);
}

}  // namespace llmrun
