#include "engine/model/block.h"

#include <ATen/ops/add.h>
#include <ATen/ops/sum.h>

#include "engine/ops/activation.h"
#include "engine/ops/dropout.h"
#include "engine/ops/linear.h"

namespace llmrun {

Block::Block(const UnitContext& context, std::shared_ptr<UnitBuffers> buffers)
    : Unit(buffers),
      context_(context),
      heads_(context.shape.heads / context.region.communicator().size()),
      kv_heads_(kv_copies(context.shape, context.region.communicator().size()).local),
      attention_(*context.mesh, heads_, kv_heads_, context.shape.head_dim, context.attention),
      attention_norm_(context.shape, buffers, Role::attention_norm_weight, Role::attention_norm_bias,
                      {Slot::attention_norm_mean, Slot::attention_norm_rstd, Slot::attention_norm_out}),
      mlp_norm_(context.shape, buffers, Role::mlp_norm_weight, Role::mlp_norm_bias,
                {Slot::mlp_norm_mean, Slot::mlp_norm_rstd, Slot::mlp_norm_out}) {}

at::Tensor Block::forward(const at::Tensor& x, const MicroBatch& batch, Saved& saved) {
  saved[Slot::input] = x;
  at::Tensor out = attend(attention_norm_.forward(x, saved), batch, saved);
  drop(out, Branch::attention, batch);
  const at::Tensor normed = mlp_norm_.forward_sum(x, out, Slot::middle, saved);
  out = mlp(normed, saved);
  drop(out, Branch::mlp, batch);
  return out.add_(saved[Slot::middle]);
}

void Block::release(Saved& saved) const {
  saved[Slot::attention_norm_out].reset();
  saved[Slot::mlp_norm_out].reset();
  attention_.release(saved);
}

void Block::restore(const MicroBatch& batch, Saved& saved) {
  attention_norm_.forward(saved[Slot::input], saved);
  mlp_norm_.forward(saved[Slot::middle], saved);
  attention_.restore(batch, saved);
}

at::Tensor Block::attend(const at::Tensor& normed, const MicroBatch& batch, Saved& saved) const {
  at::Tensor qkv = linear(context_.region.enter(normed), weight(Role::qkv_weight), weight(Role::qkv_bias));
  rotate(qkv, batch, false);
  return row_linear(attention_.forward(std::move(qkv), batch, saved), Role::attention_out_weight, Role::attention_out_bias);
}

at::Tensor Block::mlp(const at::Tensor& normed, Saved& saved) const {
  saved[Slot::mlp_in] = linear(context_.region.enter(normed), weight(Role::mlp_in_weight), weight(Role::mlp_in_bias));
  return row_linear(activate(saved[Slot::mlp_in]), Role::mlp_out_weight, Role::mlp_out_bias);
}

at::Tensor Block::activate(const at::Tensor& mlp_in) const {
  return context_.shape.activation == Activation::swiglu ? swiglu(mlp_in) : gelu_tanh(mlp_in);
}

at::Tensor Block::row_linear(const at::Tensor& x, Role weight_role, Role bias_role) const {
  const at::Tensor bias = weight(bias_role);
  if (context_.region.communicator().size() == 1) return linear(x, weight(weight_role), bias);
  at::Tensor y = context_.region.leave(linear(x, weight(weight_role), {}));
  return bias.defined() ? y.add_(bias) : y;
}

void Block::drop(at::Tensor& tensor, Branch branch, const MicroBatch& batch) const {
  if (context_.dropout() == 0) return;
  const uint64_t stream = 1 + 2 * static_cast<uint64_t>(buffers().table().unit.layer) + (branch == Branch::mlp ? 1 : 0);
  dropout_(tensor, context_.dropout(), {context_.seed, stream, context_.shape.hidden}, context_.region.slice(batch.token_index));
}

void Block::rotate(at::Tensor& qkv, const MicroBatch& batch, bool back) const {
  if (context_.rotary.cos.defined()) rotary_(qkv, heads_, kv_heads_, context_.shape.head_dim, batch.positions, context_.rotary, back);
}

at::Tensor Block::backward_input(const at::Tensor& dy, const MicroBatch& batch, Saved& saved) {
  const TensorRegion& region = context_.region;
  // The branch's own gradient: dy itself, unless dropout changes it.
  auto branch_gradient = [&](const at::Tensor& gradient, Branch branch) {
    if (context_.dropout() == 0) return gradient;
    at::Tensor copy = gradient.clone();
    drop(copy, branch, batch);
    return copy;
  };

  const at::Tensor d_mlp = branch_gradient(dy, Branch::mlp);
  row_bias_gradient(d_mlp, Role::mlp_out_bias);
  saved[Slot::mlp_out_dy] = region.enter(d_mlp);
  at::Tensor d_activated = linear_backward_input(saved[Slot::mlp_out_dy], weight(Role::mlp_out_weight));
  saved[Slot::mlp_in_dy] = context_.shape.activation == Activation::swiglu ? swiglu_backward(d_activated, saved[Slot::mlp_in])
                                                                           : gelu_tanh_backward(d_activated, saved[Slot::mlp_in]);
  d_activated.reset();
  at::Tensor d_normed = region.leave(linear_backward_input(saved[Slot::mlp_in_dy], weight(Role::mlp_in_weight)));
  const at::Tensor d_middle = mlp_norm_.backward(d_normed, saved.take(Slot::middle), dy, saved);

  const at::Tensor d_attention = branch_gradient(d_middle, Branch::attention);
  row_bias_gradient(d_attention, Role::attention_out_bias);
  saved[Slot::attention_out_dy] = region.enter(d_attention);
  const at::Tensor d_out = linear_backward_input(saved[Slot::attention_out_dy], weight(Role::attention_out_weight));
  at::Tensor d_qkv = attention_.backward(d_out, batch, saved);
  rotate(d_qkv, batch, true);
  d_normed = region.leave(linear_backward_input(d_qkv, weight(Role::qkv_weight)));
  saved[Slot::qkv_dy] = std::move(d_qkv);
  return attention_norm_.backward(d_normed, saved.take(Slot::input), d_middle, saved);
}

void Block::row_bias_gradient(const at::Tensor& dy_local, Role bias) {
  if (at::Tensor into = gradient(bias); into.defined()) into.add_(at::sum(dy_local, {0}, false, at::kFloat));
}

void Block::backward_weight(const MicroBatch&, Saved& saved) {
  const TensorRegion& region = context_.region;
  linear_backward_weight(saved.take(Slot::mlp_out_dy), activate(saved.take(Slot::mlp_in)), gradient(Role::mlp_out_weight), {}, true);
  linear_backward_weight(saved.take(Slot::mlp_in_dy), region.enter(saved.take(Slot::mlp_norm_out)), gradient(Role::mlp_in_weight),
                         gradient(Role::mlp_in_bias), true);
  linear_backward_weight(saved.take(Slot::attention_out_dy), saved.take(Slot::attention_out), gradient(Role::attention_out_weight), {},
                         true);
  linear_backward_weight(saved.take(Slot::qkv_dy), region.enter(saved.take(Slot::attention_norm_out)), gradient(Role::qkv_weight),
                         gradient(Role::qkv_bias), true);
}

}  // namespace llmrun
