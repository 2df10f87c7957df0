#pragma once
#include "engine/model/norm_layer.h"
#include "engine/model/unit_context.h"
#include "engine/parallel/unit.h"

namespace llmrun {

/// The final norm, the projection to the vocabulary and the loss. Its forward already makes the loss's gradients, a chunk of tokens at a
/// time, so that the logits never exist whole; backward_input only brings dx through the norm.
class Head : public Unit {
 public:
  /// `projection` holds the output projection: the head's own buffers, or the embedding's where the two are tied on one stage.
  Head(const UnitContext& context, std::shared_ptr<UnitBuffers> buffers, std::shared_ptr<UnitBuffers> projection);

  /// Adds to loss_sum() and tokens(); returns an undefined tensor: nothing comes after.
  at::Tensor forward(const at::Tensor& x, const MicroBatch& batch, Saved& saved) override;
  at::Tensor backward_input(const at::Tensor& dy, const MicroBatch& batch, Saved& saved) override;
  void backward_weight(const MicroBatch& batch, Saved& saved) override;
  bool gradients_in_forward() const override { return true; }

  /// Since begin_step(): sum over tokens, fp64, and how many they were; the same on every tensor rank. Both wait for the device.
  double loss_sum() const;
  int64_t tokens() const;
  /// Of training or evaluation. `gradient_scale`: on the gradients of the sum over tokens (core/loss_scale.h).
  void begin_step(double gradient_scale = 1);

  /// x: [n, hidden] -> [n, vocab] fp32, for generation. REQUIRES tensor size 1.
  at::Tensor logits(const at::Tensor& x) const;

 private:
  at::Tensor projection() const { return projection_->weight(projection_role_); }
  const UnitContext& context_;
  NormLayer norm_;
  std::shared_ptr<UnitBuffers> projection_;
  Role projection_role_;
  double gradient_scale_ = 1;
  at::Tensor loss_sum_;  // fp64 scalar on the device: read once a step
  at::Tensor tokens_;    // int64 scalar, likewise
};

}  // namespace llmrun
