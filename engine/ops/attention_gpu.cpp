#include "engine/ops/attention_gpu.h"

#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/constant_pad_nd.h>

#include <array>
#include <cmath>
#include <limits>

#include "engine/core/error.h"
#include "engine/ops/attention_documents.h"
#include "engine/ops/attention_plain.h"

namespace llmrun {
namespace {

enum class Kernel { flash, efficient, cudnn };

Kernel kernel_for(const at::Tensor& qkv, AttentionKind kind) {
  if (kind == AttentionKind::cudnn) return Kernel::cudnn;
  return qkv.scalar_type() == at::kFloat ? Kernel::efficient : Kernel::flash;
}

/// What the kernels cannot do is refused rather than worked around: what forward saves must be what backward sees.
void check(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind) {
  const int64_t multiple = 16 / heads.query.element_size(), head_dim = heads.query.size(3);  // they load 16 bytes of a head at a time
  if (head_dim % multiple != 0) {
    throw Error(Exit::config, "fused attention on a GPU needs a model.head_dim that {} divides, not {}", multiple, head_dim)
        .hint("--set train.attention=plain");
  }
  if (mask.first.defined() && kind == AttentionKind::cudnn) {
    throw Error(Exit::config, "cuDNN's attention knows no document masks").hint("--set train.attention=auto");
  }
}

double scale_of(const at::Tensor& query) { return 1.0 / std::sqrt(static_cast<double>(query.size(3))); }

/// The memory-efficient kernel reads its lse in rows of a multiple of 32; those that it wrote itself are.
at::Tensor padded_lse(const at::Tensor& lse) {
  constexpr int64_t kAlignment = 32;
  const int64_t padding = (kAlignment - lse.size(2) % kAlignment) % kAlignment;
  return padding == 0 ? lse : at::constant_pad_nd(lse, {0, padding}, std::numeric_limits<float>::infinity());
}

}  // namespace

AttentionResult attention_forward_gpu(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind) {
  check(heads, mask, kind);
  if (mask.first.defined()) return attention_forward_by_document(heads, mask, kind, attention_forward_gpu);
  const double scale = scale_of(heads.query);
  const int64_t count = heads.query.size(2);
  const at::Tensor query = by_head(heads.query), key = repeat_groups(heads.key, count), value = repeat_groups(heads.value, count);
  AttentionResult result;
  switch (kernel_for(heads.query, kind)) {
    case Kernel::flash: {
      auto fused = at::_scaled_dot_product_flash_attention(query, key, value, /*dropout_p=*/0, mask.causal, false, scale);
      result = {std::get<0>(fused), std::get<1>(fused), std::get<6>(fused), std::get<7>(fused)};
      break;
    }
    case Kernel::efficient: {
      auto fused = at::_scaled_dot_product_efficient_attention(query, key, value, /*attn_bias=*/{}, /*compute_log_sumexp=*/true,
                                                               /*dropout_p=*/0, mask.causal, scale);
      result = {std::get<0>(fused), std::get<1>(fused), std::get<2>(fused), std::get<3>(fused)};
      break;
    }
    case Kernel::cudnn: {
      auto fused = at::_scaled_dot_product_cudnn_attention(query, key, value, /*attn_bias=*/{}, /*compute_log_sumexp=*/true,
                                                           /*dropout_p=*/0, mask.causal, false, scale);
      result = {std::get<0>(fused), std::get<1>(fused), std::get<6>(fused), std::get<7>(fused)};
      break;
    }
  }
  result.out = result.out.transpose(1, 2).contiguous();
  return result;
}

void attention_backward_gpu(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                            AttentionKind kind, const AttentionHeads& gradients) {
  check(heads, mask, kind);
  if (mask.first.defined()) return attention_backward_by_document(dout, heads, mask, forward, kind, gradients, attention_backward_gpu);
  const double scale = scale_of(heads.query);
  const int64_t count = heads.query.size(2), queries = heads.query.size(1), keys = heads.key.size(1);
  const at::Tensor query = by_head(heads.query), key = repeat_groups(heads.key, count), value = repeat_groups(heads.value, count);
  const at::Tensor grad = by_head(dout), out = by_head(forward.out);
  at::Tensor dqueries, dkeys, dvalues;
  switch (kernel_for(heads.query, kind)) {
    case Kernel::flash:
      std::tie(dqueries, dkeys, dvalues) = at::_scaled_dot_product_flash_attention_backward(
          grad, query, key, value, out, forward.lse, /*cum_seq_q=*/{}, /*cum_seq_k=*/{}, queries, keys, /*dropout_p=*/0, mask.causal,
          forward.seed, forward.offset, scale);
      break;
    case Kernel::efficient: {
      const std::array<bool, 4> wanted{true, true, true, false};
      auto grads = at::_scaled_dot_product_efficient_attention_backward(grad, query, key, value, /*attn_bias=*/{}, out,
                                                                        padded_lse(forward.lse), forward.seed, forward.offset,
                                                                        /*dropout_p=*/0, wanted, mask.causal, scale);
      std::tie(dqueries, dkeys, dvalues) = std::tie(std::get<0>(grads), std::get<1>(grads), std::get<2>(grads));
      break;
    }
    case Kernel::cudnn:
      std::tie(dqueries, dkeys, dvalues) = at::_scaled_dot_product_cudnn_attention_backward(
          grad, query, key, value, out, forward.lse, forward.seed, forward.offset, /*attn_bias=*/{}, /*cum_seq_q=*/{}, /*cum_seq_k=*/{},
          queries, keys, /*dropout_p=*/0, mask.causal, scale);
      break;
  }
  gradients.query.copy_(dqueries.transpose(1, 2));
  gradients.key.copy_(sum_groups(dkeys, heads.key.size(2)));
  gradients.value.copy_(sum_groups(dvalues, heads.key.size(2)));
}

}  // namespace llmrun
