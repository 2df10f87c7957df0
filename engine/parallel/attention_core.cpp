#include "engine/parallel/attention_core.h"

#include <ATen/ops/empty_like.h>

#include <array>
#include <utility>

#include "engine/parallel/ring_attention.h"

namespace llmrun {

AttentionCore::AttentionCore(const Mesh& mesh, int64_t heads, int64_t kv_heads, int64_t head_dim, AttentionKind kind)
    : context_(mesh.context()), exchange_(mesh.sequence(), heads, kv_heads, head_dim), head_dim_(head_dim), kind_(kind) {}

at::Tensor AttentionCore::forward(at::Tensor qkv, const MicroBatch& batch, Saved& saved) const {
  saved[Slot::qkv] = exchange_.qkv_in(std::exchange(qkv, {}), batch.batch);
  restore(batch, saved);
  return saved[Slot::attention_out];
}

void AttentionCore::release(Saved& saved) const {
  for (const Slot slot :
       {Slot::attention_out, Slot::attention_heads_out, Slot::attention_lse, Slot::attention_seed, Slot::attention_offset})
    saved[slot].reset();
}

void AttentionCore::restore(const MicroBatch& batch, Saved& saved) const {
  const at::Tensor& exchanged = saved[Slot::qkv];
  AttentionResult result = ring_attention_forward(context_, split_heads(exchanged, batch.batch, exchange_.heads(), exchange_.kv_heads()),
                                                  batch.documents, kind_);
  saved[Slot::attention_heads_out] = result.out.view({exchanged.size(0), exchange_.heads() * head_dim_});
  saved[Slot::attention_lse] = std::move(result.lse);
  saved[Slot::attention_seed] = std::move(result.seed);
  saved[Slot::attention_offset] = std::move(result.offset);
  saved[Slot::attention_out] = exchange_.queries_out(saved[Slot::attention_heads_out], batch.batch);
}

at::Tensor AttentionCore::backward(const at::Tensor& dout, const MicroBatch& batch, Saved& saved) const {
  const at::Tensor qkv = saved.take(Slot::qkv), out = saved.take(Slot::attention_heads_out);
  const at::Tensor inside = exchange_.queries_in(dout, batch.batch);
  const std::array<int64_t, 4> shape{batch.batch, qkv.size(0) / batch.batch, exchange_.heads(), head_dim_};
  const AttentionResult forward{out.view(shape), saved.take(Slot::attention_lse), saved.take(Slot::attention_seed),
                                saved.take(Slot::attention_offset)};
  const auto split = [&](const at::Tensor& of) { return split_heads(of, batch.batch, exchange_.heads(), exchange_.kv_heads()); };
  const at::Tensor dqkv = at::empty_like(qkv);
  ring_attention_backward(context_, inside.view(shape), split(qkv), batch.documents, forward, kind_, split(dqkv));
  return exchange_.dqkv_out(dqkv, batch.batch);
}

}  // namespace llmrun
