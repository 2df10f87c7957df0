#pragma once
#include "engine/model/norm_layer.h"
#include "engine/model/unit_context.h"
#include "engine/parallel/attention_core.h"
#include "engine/parallel/unit.h"

namespace llmrun {

/// A pre-norm transformer block: x + attention(norm(x)), then + mlp(norm(.)). GPT-2 and Llama are the same block with other parts:
/// biases or none, learned or rotary positions, GELU or SwiGLU, as many KV heads as heads or fewer.
///
/// Heads and MLP columns are cut over the tensor axis. Under sequence parallelism the norm outputs are kept as slices and gathered
/// again for the weight gradients, so that everything saved outside the attention and MLP products shrinks with the tensor axis.
/// The activation's output is made again in backward from its input, never saved.
class Block : public Unit {
 public:
  Block(const UnitContext& context, std::shared_ptr<UnitBuffers> buffers);

  at::Tensor forward(const at::Tensor& x, const MicroBatch& batch, Saved& saved) override;
  at::Tensor backward_input(const at::Tensor& dy, const MicroBatch& batch, Saved& saved) override;
  void backward_weight(const MicroBatch& batch, Saved& saved) override;
  /// The norms' outputs and what came of attention, but not its qkv.
  void release(Saved& saved) const override;
  void restore(const MicroBatch& batch, Saved& saved) override;

 private:
  at::Tensor attend(const at::Tensor& normed, const MicroBatch& batch, Saved& saved) const;
  at::Tensor mlp(const at::Tensor& normed, Saved& saved) const;
  at::Tensor activate(const at::Tensor& mlp_in) const;
  /// leave(x w^T) + b: the bias is added once, after the sum over tensor ranks.
  at::Tensor row_linear(const at::Tensor& x, Role weight, Role bias) const;
  enum class Branch { attention, mlp };
  void drop(at::Tensor& tensor, Branch branch, const MicroBatch& batch) const;
  void rotate(at::Tensor& qkv, const MicroBatch& batch, bool back) const;
  void row_bias_gradient(const at::Tensor& dy_local, Role bias);

  const UnitContext& context_;
  int64_t heads_, kv_heads_;  // of this tensor rank
  AttentionCore attention_;
  NormLayer attention_norm_, mlp_norm_;
};

}  // namespace llmrun
