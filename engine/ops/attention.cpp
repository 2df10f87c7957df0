#include "engine/ops/attention.h"

#include "engine/core/error.h"
#include "engine/ops/attention_cpu.h"
#include "engine/ops/attention_gpu.h"
#include "engine/ops/attention_plain.h"

namespace llmrun {
namespace {

AttentionKind resolve(AttentionKind kind, const at::Tensor& qkv) {
  if (kind == AttentionKind::automatic) return AttentionKind::flash;
  if (kind == AttentionKind::cudnn && qkv.is_cpu()) {
    throw Error(Exit::config, "attention 'cudnn' runs on a GPU only").hint("--set train.attention=auto");
  }
  return kind;
}

}  // namespace

AttentionResult attention_forward(const at::Tensor& qkv, const AttentionShape& shape, AttentionKind kind) {
  const AttentionKind kernel = resolve(kind, qkv);
  if (kernel == AttentionKind::plain) return attention_forward_plain(qkv, shape);
  return qkv.is_cpu() ? attention_forward_cpu(qkv, shape) : attention_forward_gpu(qkv, shape, kernel);
}

at::Tensor attention_backward(const at::Tensor& dout, const at::Tensor& qkv, const AttentionResult& forward, const AttentionShape& shape,
                              AttentionKind kind) {
  const AttentionKind kernel = resolve(kind, qkv);
  if (kernel == AttentionKind::plain) return attention_backward_plain(dout, qkv, shape);
  return qkv.is_cpu() ? attention_backward_cpu(dout, qkv, forward, shape) : attention_backward_gpu(dout, qkv, forward, shape, kernel);
}

}  // namespace llmrun
