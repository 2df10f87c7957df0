#include "engine/ops/attention.h"

#include "engine/core/error.h"
#include "engine/ops/attention_bf16.h"
#include "engine/ops/attention_cpu.h"
#include "engine/ops/attention_gpu.h"
#include "engine/ops/attention_plain.h"
#include "engine/ops/bf16_product.h"

namespace llmrun {
namespace {

AttentionKind resolve(AttentionKind kind, const at::Tensor& qkv) {
  if (kind == AttentionKind::automatic) return AttentionKind::flash;
  if (kind == AttentionKind::cudnn && qkv.is_cpu()) {
    throw Error(Exit::config, "attention 'cudnn' runs on a GPU only").hint("--set train.attention=auto");
  }
  return kind;
}

bool in_bf16(const at::Tensor& qkv, const AttentionShape& shape) {
  return qkv.scalar_type() == at::kBFloat16 && shape.head_dim % 2 == 0 && multiplies_bf16();
}

}  // namespace

AttentionResult attention_forward(const at::Tensor& qkv, const AttentionShape& shape, AttentionKind kind) {
  const AttentionKind kernel = resolve(kind, qkv);
  if (kernel == AttentionKind::plain) return attention_forward_plain(qkv, shape);
  if (!qkv.is_cpu()) return attention_forward_gpu(qkv, shape, kernel);
  return in_bf16(qkv, shape) ? attention_forward_bf16(qkv, shape) : attention_forward_cpu(qkv, shape);
}

at::Tensor attention_backward(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward, const AttentionShape& shape,
                              AttentionKind kind) {
  const AttentionKind kernel = resolve(kind, qkv);
  if (kernel == AttentionKind::plain) return attention_backward_plain(dout, qkv, shape);
  if (!qkv.is_cpu()) return attention_backward_gpu(dout, qkv, forward, shape, kernel);
  return in_bf16(qkv, shape) ? attention_backward_bf16(dout, qkv, forward, shape) : attention_backward_cpu(dout, qkv, forward, shape);
}

}  // namespace llmrun
