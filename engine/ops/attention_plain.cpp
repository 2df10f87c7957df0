#include "engine/ops/attention_plain.h"

#include <ATen/ops/_softmax_backward_data.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>

#include <limits>

namespace llmrun {
namespace {

/// fp32 [batch, heads, seq, seq]: rows sum to one, nothing above the diagonal.
at::Tensor probabilities(const at::Tensor& query, const at::Tensor& key, const AttentionShape& shape) {
  const at::Tensor above = at::ones({shape.seq, shape.seq}, query.options().dtype(at::kBool)).triu_(1);
  at::Tensor scores = at::matmul(query, key.transpose(-2, -1)).to(at::kFloat).mul_(shape.scale);
  return at::softmax(scores.masked_fill_(above, -std::numeric_limits<float>::infinity()), -1);
}

}  // namespace

HeadViews head_views(const at::Tensor& qkv, const AttentionShape& shape) {
  const at::Tensor heads = qkv.view({shape.batch, shape.seq, shape.heads + 2 * shape.kv_heads, shape.head_dim}).transpose(1, 2);
  return {heads.narrow(1, 0, shape.heads), heads.narrow(1, shape.heads, shape.kv_heads),
          heads.narrow(1, shape.heads + shape.kv_heads, shape.kv_heads)};
}

at::Tensor heads_view(const at::Tensor& out, const AttentionShape& shape) {
  return out.view({shape.batch, shape.seq, shape.heads, shape.head_dim}).transpose(1, 2);
}

at::Tensor repeat_groups(const at::Tensor& kv, const AttentionShape& shape) {
  if (shape.heads == shape.kv_heads) return kv;
  const int64_t group = shape.heads / shape.kv_heads;
  return kv.unsqueeze(2).expand({-1, -1, group, -1, -1}).reshape({shape.batch, shape.heads, shape.seq, shape.head_dim});
}

at::Tensor sum_groups(const at::Tensor& dkv, const AttentionShape& shape) {
  if (shape.heads == shape.kv_heads) return dkv;
  const int64_t group = shape.heads / shape.kv_heads;
  return dkv.reshape({shape.batch, shape.kv_heads, group, shape.seq, shape.head_dim}).sum(2);
}

AttentionResult attention_forward_plain(const at::Tensor& qkv, const AttentionShape& shape) {
  const auto [query, key, value] = head_views(qkv, shape);
  const at::Tensor p = probabilities(query, repeat_groups(key, shape), shape).to(qkv.scalar_type());
  const at::Tensor out = at::matmul(p, repeat_groups(value, shape));
  return {out.transpose(1, 2).reshape({shape.batch * shape.seq, shape.heads * shape.head_dim})};
}

at::Tensor attention_backward_plain(const at::Tensor& dout, const at::Tensor& qkv, const AttentionShape& shape) {
  const auto [query, key, value] = head_views(qkv, shape);
  const at::Tensor keys = repeat_groups(key, shape), values = repeat_groups(value, shape), douts = heads_view(dout, shape);
  const at::Tensor p = probabilities(query, keys, shape);
  const at::Tensor dp = at::matmul(douts, values.transpose(-2, -1)).to(at::kFloat);
  const at::Tensor dscores = at::_softmax_backward_data(dp, p, -1, at::kFloat).mul_(shape.scale).to(qkv.scalar_type());
  at::Tensor dqkv = at::empty_like(qkv);
  auto [dquery, dkey, dvalue] = head_views(dqkv, shape);
  dquery.copy_(at::matmul(dscores, keys));
  dkey.copy_(sum_groups(at::matmul(dscores.transpose(-2, -1), query), shape));
  dvalue.copy_(sum_groups(at::matmul(p.to(qkv.scalar_type()).transpose(-2, -1), douts), shape));
  return dqkv;
}

}  // namespace llmrun
