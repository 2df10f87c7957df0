#pragma once
#include <ATen/core/Tensor.h>

#include <memory>

#include "engine/parallel/micro_batch.h"
#include "engine/parallel/saved.h"
#include "engine/parallel/unit_buffers.h"

namespace llmrun {

/// One unit of the model on this rank: an explicit forward, and a backward in two parts, so that whoever runs it decides what is kept
/// and when weight gradients are made. x and y are [T_local, hidden]: T_local is T, or T / tensor under Megatron sequence parallelism.
/// No autograd anywhere; engine/model implements it, tests hold it against autograd.
class Unit {
 public:
  explicit Unit(std::shared_ptr<UnitBuffers> buffers) : buffers_(std::move(buffers)) {}
  virtual ~Unit() = default;
  Unit(const Unit&) = delete;

  /// Whatever backward will need goes into `saved`.
  virtual at::Tensor forward(const at::Tensor& x, const MicroBatch& batch, Saved& saved) = 0;
  /// Returns dx; leaves in `saved` what backward_weight needs. Gradients are those of the SUM of the token losses.
  virtual at::Tensor backward_input(const at::Tensor& dy, const MicroBatch& batch, Saved& saved) = 0;
  /// Adds to the unit's gradient buffer and empties `saved`.
  virtual void backward_weight(const MicroBatch& batch, Saved& saved) = 0;
  /// Selective recompute: `release` lets go of what is cheap to make again of the rest, and `restore` makes it before backward_input.
  virtual void release(Saved&) const {}
  virtual void restore(const MicroBatch&, Saved&) {}
  /// Whether backward reads parameters: what ZeRO 3 has to bring for it.
  virtual bool parameters_in_backward() const { return true; }
  /// Whether forward already adds to gradients, while training: what ZeRO 2 has to have there.
  virtual bool gradients_in_forward() const { return false; }

  UnitBuffers& buffers() { return *buffers_; }
  const UnitBuffers& buffers() const { return *buffers_; }

 protected:
  at::Tensor weight(Role role) const { return buffers_->weight(role); }
  at::Tensor gradient(Role role) const { return buffers_->gradient(role); }

 private:
  std::shared_ptr<UnitBuffers> buffers_;
};

}  // namespace llmrun
