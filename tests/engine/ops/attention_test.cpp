#include "engine/ops/attention.h"

#include <cmath>

#include "tests/engine/ops/oracle.h"

namespace llmrun {
namespace {

AttentionShape shape_of(int64_t batch, int64_t seq, int64_t heads, int64_t kv_heads, int64_t head_dim) {
  return {batch, seq, heads, kv_heads, head_dim, 1.0 / std::sqrt(static_cast<double>(head_dim))};
}

/// Plain attention in a few lines of ATen.
at::Tensor reference(const at::Tensor& qkv, const AttentionShape& s) {
  const at::Tensor all = qkv.view({s.batch, s.seq, s.heads + 2 * s.kv_heads, s.head_dim}).transpose(1, 2);
  const at::Tensor q = all.narrow(1, 0, s.heads);
  const at::Tensor k = all.narrow(1, s.heads, s.kv_heads).repeat_interleave(s.heads / s.kv_heads, 1);
  const at::Tensor v = all.narrow(1, s.heads + s.kv_heads, s.kv_heads).repeat_interleave(s.heads / s.kv_heads, 1);
  const at::Tensor future = at::ones({s.seq, s.seq}, at::kBool).triu(1);
  const at::Tensor p = at::softmax((at::matmul(q, k.transpose(-2, -1)) * s.scale).masked_fill(future, -INFINITY), -1);
  return at::matmul(p, v).transpose(1, 2).reshape({s.batch * s.seq, s.heads * s.head_dim});
}

void check_against_autograd(const AttentionShape& shape, AttentionKind kind, at::ScalarType dtype, at::Device device) {
  CAPTURE(shape.seq);
  CAPTURE(shape.head_dim);
  const at::Tensor qkv = normal({shape.batch * shape.seq, (shape.heads + 2 * shape.kv_heads) * shape.head_dim}, 1, dtype);
  const at::Tensor dout = normal({shape.batch * shape.seq, shape.heads * shape.head_dim}, 2, dtype);
  const at::Tensor rqkv = leaf(qkv), rout = reference(rqkv, shape);
  rout.backward(dout.to(at::kFloat));
  const at::Tensor there = qkv.to(device);
  const AttentionResult forward = attention_forward(there, shape, kind);
  CHECK(distance(forward.out, rout) < tolerance(dtype));
  CHECK(distance(attention_backward(dout.to(device), there, forward, shape, kind), rqkv.grad()) < tolerance(dtype));
}

}  // namespace

TEST_CASE("fused and plain attention and their gradients are autograd's") {
  for (const at::Device device : devices()) {
    for (const auto kind : {AttentionKind::automatic, AttentionKind::plain}) {
      for (const auto dtype : kDtypes) {
        check_against_autograd(shape_of(1, 1, 1, 1, 8), kind, dtype, device);
        check_against_autograd(shape_of(2, 37, 3, 3, 16), kind, dtype, device);
        check_against_autograd(shape_of(2, 64, 8, 4, 8), kind, dtype, device);
        check_against_autograd(shape_of(1, 129, 6, 2, 64), kind, dtype, device);
        check_against_autograd(shape_of(1, 200, 4, 1, 128), kind, dtype, device);
      }
    }
  }
}

TEST_CASE("fused attention is right where a sequence spans several blocks of keys") {
  for (const at::Device device : devices())
    for (const int64_t seq : {511, 512, 513, 1100})
      for (const auto dtype : kDtypes) check_against_autograd(shape_of(1, seq, 2, 1, 16), AttentionKind::automatic, dtype, device);
}

TEST_CASE("cuDNN's attention and its gradient are autograd's, on a GPU") {
  for (const at::Device device : devices()) {
    if (device.is_cpu()) continue;  // refused there, which attention_cpu_test.cpp checks
    check_against_autograd(shape_of(2, 128, 8, 4, 64), AttentionKind::cudnn, at::kBFloat16, device);
    check_against_autograd(shape_of(1, 129, 6, 2, 128), AttentionKind::cudnn, at::kBFloat16, device);
  }
}

TEST_CASE("scores of many hundreds neither overflow nor lose the largest") {
  const AttentionShape shape = shape_of(1, 600, 1, 1, 8);
  const at::Tensor qkv = normal({600, 24}, 1) * 30, expected = reference(qkv.to(at::kDouble), shape);
  for (const at::Device device : devices())
    CHECK(distance(attention_forward(qkv.to(device), shape, AttentionKind::automatic).out, expected) < 1e-3);
}

}  // namespace llmrun
