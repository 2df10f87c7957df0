#include "engine/model/embedding.h"

#include <ATen/ops/add.h>

#include "engine/ops/dropout.h"
#include "engine/ops/embedding.h"

namespace llmrun {

Embedding::Embedding(const UnitContext& context, std::shared_ptr<UnitBuffers> buffers)
    : Unit(std::move(buffers)),
      context_(context),
      rows_(part(context.shape.vocab, context.region.communicator().size(), context.region.communicator().rank())) {}

at::Tensor Embedding::forward(const at::Tensor&, const MicroBatch& batch, Saved&) {
  at::Tensor x = context_.region.leave(embed(batch.ids, weight(Role::token_embedding), rows_));
  if (const at::Tensor positions = weight(Role::position_embedding); positions.defined())
    x.add_(embed(context_.region.slice(batch.positions), positions, {0, context_.shape.max_positions}));
  drop(x, batch);
  return x;
}

at::Tensor Embedding::backward_input(const at::Tensor& dy, const MicroBatch& batch, Saved& saved) {
  at::Tensor dropped = dy;
  if (context_.dropout() > 0) drop(dropped = dy.clone(), batch);
  saved[Slot::embedding_dy] = std::move(dropped);
  return {};
}

void Embedding::backward_weight(const MicroBatch& batch, Saved& saved) {
  const at::Tensor dy = saved.take(Slot::embedding_dy);
  if (const at::Tensor positions = gradient(Role::position_embedding); positions.defined())
    embed_backward(context_.region.slice(batch.positions), dy, positions, {0, context_.shape.max_positions});
  embed_backward(batch.ids, context_.region.enter(dy), gradient(Role::token_embedding), rows_);
}

void Embedding::drop(at::Tensor& tensor, const MicroBatch& batch) const {
  if (context_.dropout() > 0)
    dropout_(tensor, context_.dropout(), {context_.seed, 0, context_.shape.hidden}, context_.region.slice(batch.token_index));
}

}  // namespace llmrun
