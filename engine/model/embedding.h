#pragma once
#include "engine/model/unit_context.h"
#include "engine/parallel/unit.h"

namespace llmrun {

/// Token embedding with the vocabulary's rows cut over the tensor axis, plus learned positions where the model has them.
class Embedding : public Unit {
 public:
  Embedding(const UnitContext& context, std::shared_ptr<UnitBuffers> buffers);

  /// x is ignored: a pipeline begins with token ids.
  at::Tensor forward(const at::Tensor& x, const MicroBatch& batch, Saved& saved) override;
  /// Returns an undefined tensor: nothing is before the embedding.
  at::Tensor backward_input(const at::Tensor& dy, const MicroBatch& batch, Saved& saved) override;
  void backward_weight(const MicroBatch& batch, Saved& saved) override;
  bool parameters_in_backward() const override { return false; }

 private:
  void drop(at::Tensor& tensor, const MicroBatch& batch) const;
  const UnitContext& context_;
  Interval rows_;  // of the vocabulary, held here
};

}  // namespace llmrun
