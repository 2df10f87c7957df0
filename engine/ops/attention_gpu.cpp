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

void check(const AttentionMask& mask, AttentionKind kind) {
  if (mask.first.defined() && kind == AttentionKind::cudnn) {
    throw Error(Exit::config, "cuDNN's attention knows no document masks").hint("--set train.attention=auto");
  }
}

/// The kernels load 16 bytes of a head at a time: channels of zeros fill the last of them, and change no score and no other channel.
at::Tensor filled(const at::Tensor& x) {
  const int64_t multiple = 16 / x.element_size(), missing = (multiple - x.size(3) % multiple) % multiple;
  return missing == 0 ? x : at::constant_pad_nd(x, {0, missing});
}
/// Without them again.
at::Tensor channels_of(const at::Tensor& x, int64_t head_dim) { return x.narrow(3, 0, head_dim); }

double scale_of(const at::Tensor& query) { return 1.0 / std::sqrt(static_cast<double>(query.size(3))); }

/// The memory-efficient kernel reads its lse in rows of a multiple of 32; those that it wrote itself are.
at::Tensor padded_lse(const at::Tensor& lse) {
  constexpr int64_t kAlignment = 32;
  const int64_t padding = (kAlignment - lse.size(2) % kAlignment) % kAlignment;
  return padding == 0 ? lse : at::constant_pad_nd(lse, {0, padding}, std::numeric_limits<float>::infinity());
}

}  // namespace

AttentionResult attention_forward_gpu(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind) {
  check(mask, kind);
  if (mask.first.defined()) return attention_forward_by_document(heads, mask, kind, attention_forward_gpu);
  const double scale = scale_of(heads.query);
  const int64_t count = heads.query.size(2);
  const at::Tensor query = filled(by_head(heads.query)), key = filled(repeat_groups(heads.key, count)),
                   value = filled(repeat_groups(heads.value, count));
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
  result.out = channels_of(result.out, heads.query.size(3)).transpose(1, 2).contiguous();
  return result;
}

void attention_backward_gpu(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                            AttentionKind kind, const AttentionHeads& gradients) {
  check(mask, kind);
  if (mask.first.defined()) return attention_backward_by_document(dout, heads, mask, forward, kind, gradients, attention_backward_gpu);
  const double scale = scale_of(heads.query);
  const int64_t count = heads.query.size(2), queries = heads.query.size(1), keys = heads.key.size(1);
  const at::Tensor query = filled(by_head(heads.query)), key = filled(repeat_groups(heads.key, count)),
                   value = filled(repeat_groups(heads.value, count));
  const at::Tensor grad = filled(by_head(dout)), out = filled(by_head(forward.out));
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
  const int64_t head_dim = heads.query.size(3), kv_heads = heads.key.size(2);
  gradients.query.copy_(channels_of(dqueries, head_dim).transpose(1, 2));
  gradients.key.copy_(sum_groups(channels_of(dkeys, head_dim), kv_heads));
  gradients.value.copy_(sum_groups(channels_of(dvalues, head_dim), kv_heads));
}

}  // namespace llmrun
