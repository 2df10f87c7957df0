#include "engine/ops/attention.h"

#include <cmath>

#include "engine/core/error.h"
#include "engine/ops/attention_cpu.h"
#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

AttentionShape shape_of(int64_t batch, int64_t seq, int64_t heads, int64_t kv_heads, int64_t head_dim) {
  return {batch, seq, heads, kv_heads, head_dim, 1.0 / std::sqrt(static_cast<double>(head_dim))};
}

at::Tensor reference(const at::Tensor& qkv, const AttentionShape& s) {
  const at::Tensor all = qkv.view({s.batch, s.seq, s.heads + 2 * s.kv_heads, s.head_dim}).transpose(1, 2);
  const at::Tensor q = all.narrow(1, 0, s.heads);
  const at::Tensor k = all.narrow(1, s.heads, s.kv_heads).repeat_interleave(s.heads / s.kv_heads, 1);
  const at::Tensor v = all.narrow(1, s.heads + s.kv_heads, s.kv_heads).repeat_interleave(s.heads / s.kv_heads, 1);
  const at::Tensor future = at::ones({s.seq, s.seq}, at::kBool).triu(1);
  const at::Tensor p = at::softmax((at::matmul(q, k.transpose(-2, -1)) * s.scale).masked_fill(future, -INFINITY), -1);
  return at::matmul(p, v).transpose(1, 2).reshape({s.batch * s.seq, s.heads * s.head_dim});
}

void check_against_autograd(const AttentionShape& shape, AttentionKind kind, at::ScalarType dtype) {
  CAPTURE(shape.seq);
  CAPTURE(shape.head_dim);
  const at::Tensor qkv = normal({shape.batch * shape.seq, (shape.heads + 2 * shape.kv_heads) * shape.head_dim}, 1, dtype);
  const at::Tensor dout = normal({shape.batch * shape.seq, shape.heads * shape.head_dim}, 2, dtype);
  const at::Tensor rqkv = leaf(qkv), rout = reference(rqkv, shape);
  rout.backward(dout.to(at::kFloat));
  const AttentionResult forward = attention_forward(qkv, shape, kind);
  CHECK(distance(forward.out, rout) < tolerance(dtype));
  CHECK(distance(attention_backward(dout, qkv, forward, shape, kind), rqkv.grad()) < tolerance(dtype));
}

}  // namespace

TEST_CASE("fused and plain attention and their gradients are autograd's") {
  for (const auto kind : {AttentionKind::flash, AttentionKind::plain}) {
    for (const auto dtype : kDtypes) {
      check_against_autograd(shape_of(1, 1, 1, 1, 8), kind, dtype);
      check_against_autograd(shape_of(2, 37, 3, 3, 16), kind, dtype);
      check_against_autograd(shape_of(2, 64, 8, 4, 8), kind, dtype);
      check_against_autograd(shape_of(1, 129, 6, 2, 64), kind, dtype);
      check_against_autograd(shape_of(1, 200, 4, 1, 128), kind, dtype);
    }
  }
}

TEST_CASE("a CPU without bf16 products widens instead, and is autograd's too") {
  for (const int64_t seq : {1, 37, 600}) {
    const AttentionShape shape = shape_of(2, seq, 4, 2, 16);
    const at::Tensor qkv = normal({2 * seq, 128}, 1, at::kBFloat16), dout = normal({2 * seq, 64}, 2, at::kBFloat16);
    const at::Tensor rqkv = leaf(qkv), rout = reference(rqkv, shape);
    rout.backward(dout.to(at::kFloat));
    const AttentionResult forward = attention_forward_cpu(qkv, shape);
    CHECK(distance(forward.out, rout) < tolerance(at::kBFloat16));
    CHECK(distance(attention_backward_cpu(dout, qkv, forward, shape), rqkv.grad()) < tolerance(at::kBFloat16));
  }
}

TEST_CASE("fused attention is right where a sequence spans several blocks of keys") {
  for (const int64_t seq : {511, 512, 513, 1100}) {
    for (const auto dtype : kDtypes) check_against_autograd(shape_of(1, seq, 2, 1, 16), AttentionKind::flash, dtype);
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

TEST_CASE("scores of many hundreds neither overflow nor lose the largest") {
  const AttentionShape shape = shape_of(1, 600, 1, 1, 8);
  const at::Tensor qkv = normal({600, 24}, 1) * 30;
  CHECK(distance(attention_forward(qkv, shape, AttentionKind::flash).out, reference(qkv.to(at::kDouble), shape)) < 1e-3);
}

TEST_CASE("cudnn on a CPU is refused by name") {
  CHECK_THROWS_AS(attention_forward(normal({4, 24}, 1), shape_of(1, 4, 1, 1, 8), AttentionKind::cudnn), Error);
}

}  // namespace llmrun
