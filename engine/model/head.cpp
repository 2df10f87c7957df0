#include "engine/model/head.h"

#include <ATen/ops/add.h>

#include "engine/ops/cross_entropy.h"
#include "engine/ops/linear.h"

namespace llmrun {

Head::Head(const UnitContext& context, std::shared_ptr<UnitBuffers> buffers, std::shared_ptr<UnitBuffers> projection)
    : Unit(buffers),
      context_(context),
      norm_(context.shape, buffers, Role::final_norm_weight, Role::final_norm_bias,
            {Slot::mlp_norm_mean, Slot::mlp_norm_rstd, Slot::mlp_norm_out}),
      projection_(std::move(projection)),
      projection_role_(projection_ == buffers ? Role::output_projection : Role::token_embedding) {}

at::Tensor Head::forward(const at::Tensor& x, const MicroBatch& batch, Saved& saved) {
  Communicator& tensor = context_.region.communicator();
  norm_.forward(x, saved);
  const at::Tensor normed = context_.region.enter(saved.take(Slot::mlp_norm_out));
  LossResult loss = linear_cross_entropy(normed, projection(), batch.targets, part(context_.shape.vocab, tensor.size(), tensor.rank()),
                                         tensor, context_.training ? projection_->gradient(projection_role_) : at::Tensor(), true,
                                         context_.loss_chunk, gradient_scale_);
  loss_sum_ = loss_sum_.defined() ? at::add(loss_sum_, loss.loss_sum) : loss.loss_sum;
  tokens_ = tokens_.defined() ? at::add(tokens_, loss.tokens) : loss.tokens;
  if (context_.training) {
    saved[Slot::input] = x;
    saved[Slot::head_dx] = std::move(loss.dx);
  }
  return {};
}

at::Tensor Head::backward_input(const at::Tensor&, const MicroBatch&, Saved& saved) {
  const at::Tensor dx = context_.region.leave(saved.take(Slot::head_dx));
  return norm_.backward(dx, saved.take(Slot::input), {}, saved);
}

void Head::backward_weight(const MicroBatch&, Saved&) {}  // made in forward, with the loss

double Head::loss_sum() const { return loss_sum_.defined() ? loss_sum_.item<double>() : 0.0; }

int64_t Head::tokens() const { return tokens_.defined() ? tokens_.item<int64_t>() : 0; }

void Head::begin_step(double gradient_scale) {
  gradient_scale_ = gradient_scale;
  loss_sum_.reset();
  tokens_.reset();
}

at::Tensor Head::logits(const at::Tensor& x) const {
  Saved dropped;
  const at::Tensor held = projection().narrow(0, 0, context_.shape.vocab);  // less the padding
  return linear(norm_.forward(x, dropped), held, {}).to(at::kFloat);
}

}  // namespace llmrun
