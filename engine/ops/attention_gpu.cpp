#include "engine/ops/attention_gpu.h"

#include <ATen/ops/_scaled_dot_product_cudnn_attention.h>
#include <ATen/ops/_scaled_dot_product_cudnn_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention.h>
#include <ATen/ops/_scaled_dot_product_efficient_attention_backward.h>
#include <ATen/ops/_scaled_dot_product_flash_attention.h>
#include <ATen/ops/_scaled_dot_product_flash_attention_backward.h>
#include <ATen/ops/empty_like.h>

#include "engine/core/error.h"
#include "engine/ops/attention_plain.h"

namespace llmrun {
namespace {

enum class Kernel { flash, efficient, cudnn };

Kernel kernel_for(const at::Tensor& qkv, AttentionKind kind) {
  if (kind == AttentionKind::cudnn) return Kernel::cudnn;
  return qkv.scalar_type() == at::kFloat ? Kernel::efficient : Kernel::flash;
}

/// The kernels load 16 bytes of a head at a time. Refused here rather than padded: what forward saves must be what backward sees.
void check_head_dim(const at::Tensor& qkv, const AttentionShape& shape) {
  const int64_t multiple = 16 / qkv.element_size();
  if (shape.head_dim % multiple == 0) return;
  throw Error(Exit::config, "fused attention on a GPU needs a model.head_dim that {} divides, not {}", multiple, shape.head_dim)
      .hint("--set train.attention=plain");
}

}  // namespace

AttentionResult attention_forward_gpu(const at::Tensor& qkv, const AttentionShape& shape, AttentionKind kind) {
  check_head_dim(qkv, shape);
  const auto [query, kv_key, kv_value] = head_views(qkv, shape);
  const at::Tensor key = repeat_groups(kv_key, shape), value = repeat_groups(kv_value, shape);
  AttentionResult result;
  switch (kernel_for(qkv, kind)) {
    case Kernel::flash: {
      auto fused = at::_scaled_dot_product_flash_attention(query, key, value, /*dropout_p=*/0, /*is_causal=*/true, false, shape.scale);
      result = {std::get<0>(fused), std::get<1>(fused), std::get<6>(fused), std::get<7>(fused)};
      break;
    }
    case Kernel::efficient: {
      auto fused = at::_scaled_dot_product_efficient_attention(query, key, value, /*attn_bias=*/{}, /*compute_log_sumexp=*/true,
                                                               /*dropout_p=*/0, /*is_causal=*/true, shape.scale);
      result = {std::get<0>(fused), std::get<1>(fused), std::get<2>(fused), std::get<3>(fused)};
      break;
    }
    case Kernel::cudnn: {
      auto fused = at::_scaled_dot_product_cudnn_attention(query, key, value, /*attn_bias=*/{}, /*compute_log_sumexp=*/true,
                                                           /*dropout_p=*/0, /*is_causal=*/true, false, shape.scale);
      result = {std::get<0>(fused), std::get<1>(fused), std::get<6>(fused), std::get<7>(fused)};
      break;
    }
  }
  result.out = result.out.transpose(1, 2).reshape({shape.batch * shape.seq, shape.heads * shape.head_dim});
  return result;
}

at::Tensor attention_backward_gpu(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward,
                                  const AttentionShape& shape, AttentionKind kind) {
  const auto [query, kv_key, kv_value] = head_views(qkv, shape);
  const at::Tensor key = repeat_groups(kv_key, shape), value = repeat_groups(kv_value, shape);
  const at::Tensor grad = heads_view(dout, shape), out = heads_view(forward.out, shape);
  at::Tensor dqueries, dkeys, dvalues;
  switch (kernel_for(qkv, kind)) {
    case Kernel::flash:
      std::tie(dqueries, dkeys, dvalues) = at::_scaled_dot_product_flash_attention_backward(
          grad, query, key, value, out, forward.lse, /*cum_seq_q=*/{}, /*cum_seq_k=*/{}, shape.seq, shape.seq, /*dropout_p=*/0,
          /*is_causal=*/true, forward.seed, forward.offset, shape.scale);
      break;
    case Kernel::efficient: {
      const std::array<bool, 4> wanted{true, true, true, false};
      auto grads = at::_scaled_dot_product_efficient_attention_backward(grad, query, key, value, /*attn_bias=*/{}, out, forward.lse,
                                                                        forward.seed, forward.offset, /*dropout_p=*/0, wanted,
                                                                        /*is_causal=*/true, shape.scale);
      std::tie(dqueries, dkeys, dvalues) = std::tie(std::get<0>(grads), std::get<1>(grads), std::get<2>(grads));
      break;
    }
    case Kernel::cudnn:
      std::tie(dqueries, dkeys, dvalues) = at::_scaled_dot_product_cudnn_attention_backward(
          grad, query, key, value, out, forward.lse, forward.seed, forward.offset, /*attn_bias=*/{}, /*cum_seq_q=*/{}, /*cum_seq_k=*/{},
          shape.seq, shape.seq, /*dropout_p=*/0, /*is_causal=*/true, shape.scale);
      break;
  }
  at::Tensor dqkv = at::empty_like(qkv);
  auto [dquery, dkey, dvalue] = head_views(dqkv, shape);
  dquery.copy_(dqueries);
  dkey.copy_(sum_groups(dkeys, shape));
  dvalue.copy_(sum_groups(dvalues, shape));
  return dqkv;
}

}  // namespace llmrun
