#include "engine/ops/attention.h"

#include "engine/core/error.h"
#include "engine/ops/attention_bf16.h"
#include "engine/ops/attention_cpu.h"
#include "engine/ops/attention_gpu.h"
#include "engine/ops/attention_plain.h"
#include "engine/ops/bf16_product.h"

namespace llmrun {
namespace {

AttentionKind resolve(AttentionKind kind, const at::Tensor& query) {
  if (kind == AttentionKind::automatic) return AttentionKind::flash;
  if (kind == AttentionKind::cudnn && query.is_cpu()) {
    throw Error(Exit::config, "attention 'cudnn' runs on a GPU only").hint("--set train.attention=auto");
  }
  return kind;
}

bool in_bf16(const at::Tensor& query) { return query.scalar_type() == at::kBFloat16 && query.size(3) % 2 == 0 && multiplies_bf16(); }

}  // namespace

AttentionHeads split_heads(const at::Tensor& qkv, int64_t batch, int64_t heads, int64_t kv_heads) {
  const int64_t all = heads + 2 * kv_heads;
  const at::Tensor rows = qkv.view({batch, qkv.size(0) / batch, all, qkv.size(1) / all});
  return {rows.narrow(2, 0, heads), rows.narrow(2, heads, kv_heads), rows.narrow(2, heads + kv_heads, kv_heads)};
}

AttentionResult attention_forward(const AttentionHeads& heads, const AttentionMask& mask, AttentionKind kind) {
  const AttentionKind kernel = resolve(kind, heads.query);
  if (kernel == AttentionKind::plain) return attention_forward_plain(heads, mask);
  if (!heads.query.is_cpu()) return attention_forward_gpu(heads, mask, kernel);
  return in_bf16(heads.query) ? attention_forward_bf16(heads, mask) : attention_forward_cpu(heads, mask);
}

void attention_backward(const at::Tensor& dout, const AttentionHeads& heads, const AttentionMask& mask, const AttentionResult& forward,
                        AttentionKind kind, const AttentionHeads& gradients) {
  const AttentionKind kernel = resolve(kind, heads.query);
  if (kernel == AttentionKind::plain) return attention_backward_plain(dout, heads, mask, forward, gradients);
  if (!heads.query.is_cpu()) return attention_backward_gpu(dout, heads, mask, forward, kernel, gradients);
  return in_bf16(heads.query) ? attention_backward_bf16(dout, heads, mask, forward, gradients)
                              : attention_backward_cpu(dout, heads, mask, forward, gradients);
}

}  // namespace llmrun
