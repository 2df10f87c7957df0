#include "engine/ops/attention_plain.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/mul.h>
#include <ATen/ops/ones.h>

#include <cmath>
#include <limits>

namespace llmrun {
namespace {

constexpr double kHidden = -std::numeric_limits<double>::infinity();

/// bool, [queries, keys] or [batch, 1, queries, keys]: the keys that a query does not see. Undefined: it sees all.
at::Tensor hidden_keys(const AttentionHeads& heads, const AttentionMask& mask) {
  const int64_t queries = heads.query.size(1), keys = heads.key.size(1);
  const auto options = heads.query.options().dtype(at::kBool);
  at::Tensor hidden = mask.causal ? at::ones({queries, keys}, options).triu_(1) : at::Tensor();
  if (!mask.first.defined()) return hidden;
  const at::Tensor key = at::arange(keys, options.dtype(at::kLong));
  const at::Tensor before = key.lt(mask.first.to(heads.query.device()).unsqueeze(-1)).unsqueeze(1);
  return hidden.defined() ? before.logical_or(hidden) : before;
}

/// fp32 [batch, heads, queries, keys], with -inf where a query does not see.
at::Tensor scores_of(const at::Tensor& query, const at::Tensor& key, const AttentionHeads& heads, const AttentionMask& mask) {
  at::Tensor scores = at::matmul(query, key.transpose(-2, -1)).to(at::kFloat).mul_(1.0 / std::sqrt(static_cast<double>(query.size(3))));
  const at::Tensor hidden = hidden_keys(heads, mask);
  return hidden.defined() ? scores.masked_fill_(hidden, kHidden) : scores;
}

/// Scores become probabilities in place: e^(score - lse), and 0 in the row of a query that sees nothing.
at::Tensor probabilities_(at::Tensor scores, const at::Tensor& lse) {
  return scores.sub_(lse.masked_fill(lse.eq(kHidden), 0).unsqueeze(-1)).exp_();
}

}  // namespace

at::Tensor repeat_groups(const at::Tensor& kv, int64_t heads) {
  const at::Tensor by_kv_head = by_head(kv);
  const int64_t batch = kv.size(0), keys = kv.size(1), kv_heads = kv.size(2), head_dim = kv.size(3);
  if (heads == kv_heads) return by_kv_head;
  return by_kv_head.unsqueeze(2).expand({-1, -1, heads / kv_heads, -1, -1}).reshape({batch, heads, keys, head_dim});
}

at::Tensor sum_groups(const at::Tensor& dkv, int64_t kv_heads) {
  const int64_t batch = dkv.size(0), heads = dkv.size(1), keys = dkv.size(2), head_dim = dkv.size(3);
  const at::Tensor by_kv_head = heads == kv_heads ? dkv : dkv.reshape({batch, kv_heads, heads / kv_heads, keys, head_dim}).sum(2);
  return by_kv_head.transpose(1, 2);
}

AttentionResult attention_forward_plain(const AttentionHeads& heads, const AttentionMask& mask) {
  const int64_t count = heads.query.size(2);
  at::Tensor scores = scores_of(by_head(heads.query), repeat_groups(heads.key, count), heads, mask);
  AttentionResult result;
  result.lse = at::logsumexp(scores, {-1});
  const at::Tensor p = probabilities_(std::move(scores), result.lse).to(heads.query.scalar_type());
  result.out = at::matmul(p, repeat_groups(heads.value, count)).transpose(1, 2).contiguous();
  return result;
}

void attention_backward_plain(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask,
                              const AttentionResult& forward, const AttentionHeads& gradients) {
  const int64_t count = heads.query.size(2), kv_heads = heads.key.size(2);
  const at::ScalarType dtype = heads.query.scalar_type();
  const at::Tensor query = by_head(heads.query), keys = repeat_groups(heads.key, count), values = repeat_groups(heads.value, count);
  const at::Tensor douts = by_head(dout);
  const at::Tensor p = probabilities_(scores_of(query, keys, heads, mask), forward.lse);
  const at::Tensor mean = at::mul(dout.to(at::kFloat), forward.out).sum(-1).transpose(1, 2).unsqueeze(-1);  // [batch, heads, queries, 1]
  const at::Tensor dp = at::matmul(douts, values.transpose(-2, -1)).to(at::kFloat);
  const at::Tensor dscores = dp.sub(mean).mul_(p).mul_(1.0 / std::sqrt(static_cast<double>(query.size(3)))).to(dtype);
  gradients.query.copy_(at::matmul(dscores, keys).transpose(1, 2));
  gradients.key.copy_(sum_groups(at::matmul(dscores.transpose(-2, -1), query), kv_heads));
  gradients.value.copy_(sum_groups(at::matmul(p.to(dtype).transpose(-2, -1), douts), kv_heads));
}

}  // namespace llmrun
