#include <cmath>
#include <limits>

#include "engine/ops/attention_documents.h"
#include "tests/engine/ops/attention_cases.h"

namespace llmrun {
namespace {

/// Which keys each query sees, [batch or 1, 1, queries, keys], as a person would write it down.
at::Tensor visible_keys(const AttentionMask& mask, int64_t queries, int64_t keys) {
  const at::Tensor query = at::arange(queries).view({1, 1, -1, 1}), key = at::arange(keys).view({1, 1, 1, -1});
  at::Tensor visible = mask.causal ? key.le(query) : key.le(keys).expand({1, 1, queries, keys});
  return mask.first.defined() ? visible.logical_and(key.ge(mask.first.view({-1, 1, queries, 1}))) : visible;
}

/// Plain attention in a few lines of ATen: [batch, queries, heads, head_dim].
at::Tensor reference(const AttentionHeads& heads, const AttentionMask& mask) {
  const int64_t group = heads.query.size(2) / heads.key.size(2);
  const at::Tensor q = heads.query.transpose(1, 2);
  const at::Tensor k = heads.key.transpose(1, 2).repeat_interleave(group, 1), v = heads.value.transpose(1, 2).repeat_interleave(group, 1);
  const at::Tensor scores = at::matmul(q, k.transpose(-2, -1)) / std::sqrt(static_cast<double>(q.size(3)));
  const at::Tensor hidden = visible_keys(mask, q.size(2), k.size(2)).logical_not();
  const at::Tensor p = at::softmax(scores.masked_fill(hidden, std::numeric_limits<float>::lowest()), -1).masked_fill(hidden, 0);
  return at::matmul(p, v).transpose(1, 2);
}

void check_against_autograd(const AttentionCase& c, AttentionKind kind, at::ScalarType dtype, at::Device device) {
  CAPTURE(c.seq);
  CAPTURE(c.head_dim);
  const at::Tensor qkv = normal({c.batch * c.seq, c.columns()}, 1, dtype);
  const at::Tensor dout = normal({c.batch, c.seq, c.heads, c.head_dim}, 2, dtype);
  const at::Tensor rqkv = leaf(qkv), rout = reference(c.split(rqkv), {});
  rout.backward(dout.to(at::kFloat));
  const at::Tensor there = qkv.to(device);
  const AttentionResult forward = attention_forward(c.split(there), {}, kind);
  CHECK(distance(forward.out, rout) < tolerance(dtype));
  CHECK(distance(backward_of(dout.to(device), there, forward, c, kind), rqkv.grad()) < tolerance(dtype));
}

/// Queries of one tensor against keys and values of others, as many or fewer or more.
void check_masked(int64_t queries, int64_t keys, const AttentionMask& mask, AttentionKind kind, at::ScalarType dtype, at::Device device) {
  CAPTURE(queries);
  CAPTURE(keys);
  CAPTURE(mask.causal);
  const auto tensors = [&](uint64_t seed) {
    return AttentionHeads{normal({2, queries, 4, 16}, seed, dtype), normal({2, keys, 2, 16}, seed + 1, dtype),
                          normal({2, keys, 2, 16}, seed + 2, dtype)};
  };
  const AttentionHeads heads = tensors(1), r{leaf(heads.query), leaf(heads.key), leaf(heads.value)};
  const at::Tensor dout = normal({2, queries, 4, 16}, 7, dtype), rout = reference(r, mask);
  rout.backward(dout.to(at::kFloat));
  const AttentionHeads there{heads.query.to(device), heads.key.to(device), heads.value.to(device)};
  const AttentionHeads gradients{at::full_like(there.query, NAN), at::full_like(there.key, NAN), at::full_like(there.value, NAN)};
  const AttentionResult forward = attention_forward(there, mask, kind);
  attention_backward(dout.to(device), there, mask, forward, kind, gradients);
  CHECK(distance(forward.out, rout) < tolerance(dtype));
  CHECK(distance(gradients.query, r.query.grad()) < tolerance(dtype));
  CHECK(distance(gradients.key, r.key.grad()) < tolerance(dtype));
  CHECK(distance(gradients.value, r.value.grad()) < tolerance(dtype));
}

/// Documents of `length` tokens in the first sample, of 3 x `length` in the second.
at::Tensor documents(int64_t queries, int64_t keys, int64_t length) {
  const at::Tensor query = at::arange(queries);
  return at::stack({query.div(length, "floor") * length, query.div(3 * length, "floor") * (3 * length)}).clamp_max(keys);
}

}  // namespace

TEST_CASE("fused and plain attention and their gradients are autograd's") {
  for (const at::Device device : devices()) {
    for (const auto kind : {AttentionKind::automatic, AttentionKind::plain}) {
      for (const auto dtype : kDtypes) {
        check_against_autograd(AttentionCase{1, 1, 1, 1, 8}, kind, dtype, device);
        check_against_autograd(AttentionCase{2, 37, 3, 3, 16}, kind, dtype, device);
        check_against_autograd(AttentionCase{2, 64, 8, 4, 8}, kind, dtype, device);
        check_against_autograd(AttentionCase{1, 129, 6, 2, 64}, kind, dtype, device);
        check_against_autograd(AttentionCase{2, 65, 4, 2, 106}, kind, dtype, device);
        check_against_autograd(AttentionCase{1, 200, 4, 1, 128}, kind, dtype, device);
      }
    }
  }
}

TEST_CASE("fused attention is right where a sequence spans several blocks of keys") {
  for (const at::Device device : devices())
    for (const int64_t seq : {511, 512, 513, 1100})
      for (const auto dtype : kDtypes) check_against_autograd(AttentionCase{1, seq, 2, 1, 16}, AttentionKind::automatic, dtype, device);
}

TEST_CASE("cuDNN's attention and its gradient are autograd's, on a GPU") {
  for (const at::Device device : devices()) {
    if (device.is_cpu()) continue;  // refused there, which attention_cpu_test.cpp checks
    check_against_autograd(AttentionCase{2, 128, 8, 4, 64}, AttentionKind::cudnn, at::kBFloat16, device);
    check_against_autograd(AttentionCase{1, 129, 6, 2, 128}, AttentionKind::cudnn, at::kBFloat16, device);
  }
}

TEST_CASE("queries attend to all keys of another block, as many or not") {
  for (const at::Device device : devices())
    for (const auto kind : {AttentionKind::automatic, AttentionKind::plain})
      for (const auto dtype : kDtypes)
        for (const auto& [queries, keys] : {std::pair<int64_t, int64_t>{64, 64}, {1, 130}, {130, 2}, {200, 600}, {600, 77}})
          check_masked(queries, keys, {false, {}}, kind, dtype, device);
}

TEST_CASE("a query sees its own document and no other; where it sees nothing its result and gradients are 0") {
  for (const at::Device device : devices())
    for (const auto kind : {AttentionKind::automatic, AttentionKind::plain})
      for (const auto dtype : kDtypes)
        for (const int64_t length : {1, 7, 64, 250}) {
          check_masked(700, 700, {true, documents(700, 700, length)}, kind, dtype, device);
          check_masked(130, 700, {false, documents(130, 700, length)}, kind, dtype, device);
          check_masked(700, 130, {false, documents(700, 130, length)}, kind, dtype, device);
        }
}

TEST_CASE("a kernel that knows no documents serves each by itself") {
  for (const auto dtype : kDtypes)
    for (const int64_t length : {1, 7, 64, 250})
      for (const AttentionMask& mask : {AttentionMask{true, documents(700, 700, length)}, {false, documents(700, 700, length)}}) {
        const AttentionCase c{2, 700, 4, 2, 16};
        const at::Tensor qkv = normal({2 * 700, c.columns()}, 1, dtype), dout = normal({2, 700, 4, 16}, 2, dtype);
        const auto kind = AttentionKind::automatic;
        const AttentionResult expected = attention_forward(c.split(qkv), mask, kind);
        const AttentionResult result = attention_forward_by_document(c.split(qkv), mask, kind, attention_forward);
        CHECK(distance(result.out, expected.out) < tolerance(dtype));
        CHECK(at::allclose(result.lse, expected.lse, 1e-5, 1e-5));
        const at::Tensor dqkv = at::full_like(qkv, NAN);
        attention_backward_by_document(dout, c.split(qkv), mask, result, kind, c.split(dqkv), attention_backward);
        CHECK(distance(dqkv, backward_of(dout, qkv, expected, c, kind, mask)) < tolerance(dtype));
      }
}

TEST_CASE("scores of many hundreds neither overflow nor lose the largest") {
  const AttentionCase one{1, 600, 1, 1, 8};
  const at::Tensor qkv = normal({600, 24}, 1) * 30, expected = reference(one.split(qkv.to(at::kDouble)), {});
  for (const at::Device device : devices())
    CHECK(distance(attention_forward(one.split(qkv.to(device)), {}, AttentionKind::automatic).out, expected) < 1e-3);
}

}  // namespace llmrun
