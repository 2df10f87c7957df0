#include "engine/parallel/sharded_state.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace llmrun {

ShardedState::ShardedState(std::shared_ptr<UnitBuffers> buffers, const Mesh& mesh, int64_t zero)
    : buffers_(std::move(buffers)), mesh_(mesh), sharded_(zero >= 1 && mesh.gradient().size() > 1) {
  const int64_t elements = buffers_->parameters().numel();
  const int64_t each = sharded_ ? elements / mesh.gradient().size() : elements;
  const int64_t begin = sharded_ ? each * mesh.gradient().rank() : 0;
  shard_ = {begin, begin + each};
  owns_shard_ = sharded_ || mesh.gradient().rank() == 0;
  separate_master_ = buffers_->parameters().scalar_type() != at::kFloat;

  const auto options = buffers_->gradients().options();
  master_ = separate_master_ ? at::zeros({each}, options) : buffers_->parameters().narrow(0, begin, each);
  exp_avg_ = at::zeros({each}, options);
  exp_avg_sq_ = at::zeros({each}, options);
  reduced_ = buffers_->gradients().narrow(0, begin, each);
}

template <typename Visit>
void ShardedState::for_each_in_shard(Visit visit) const {
  for (const Segment& segment : buffers_->table().segments) {
    const Interval inside{std::max(segment.offset, shard_.begin), std::min(segment.offset + segment.elements(), shard_.end)};
    if (inside.begin < inside.end) visit(segment, inside);
  }
}

void ShardedState::reduce_partial(Partial kind, Communicator& group) {
  if (group.size() == 1) return;
  const PartialSum sum = partial_sum(buffers_->table(), kind);
  if (sum.parts.empty()) return;
  const auto gradient = [&](const Segment& segment) { return buffers_->gradients().narrow(0, segment.offset, segment.elements()); };
  const at::Tensor together = at::zeros({sum.elements}, buffers_->gradients().options());
  const auto place = [&](const PartialSum::Part& part) { return together.narrow(0, part.place, part.segment->elements()); };
  for (const PartialSum::Part& part : sum.parts) place(part).add_(gradient(*part.segment));
  group.all_reduce(together).wait();
  for (const PartialSum::Part& part : sum.parts) gradient(*part.segment).copy_(place(part));
}

void ShardedState::reduce() {
  reduce_partial(Partial::tensor, mesh_.tensor());
  reduce_partial(Partial::kv_copies, mesh_.kv_copies());
  if (sharded_) {
    const at::Tensor mine = at::empty_like(reduced_);  // no backend writes its result over its input
    mesh_.gradient().reduce_scatter(mine, buffers_->gradients()).wait();
    reduced_.copy_(mine);
  } else {
    mesh_.gradient().all_reduce(buffers_->gradients()).wait();
  }
}

double ShardedState::owned_sum_of_squares() const {
  if (!owns_shard_) return 0;
  std::vector<at::Tensor> owned;
  for_each_in_shard([&](const Segment& segment, Interval inside) {
    if (segment.owned) owned.push_back(reduced_.narrow(0, inside.begin - shard_.begin, inside.size()));
  });
  return sum_of_squares(owned);
}

void ShardedState::step(const AdamWStep& how) {
  for_each_in_shard([&](const Segment& segment, Interval inside) {
    auto of_shard = [&](const at::Tensor& tensor) { return tensor.narrow(0, inside.begin - shard_.begin, inside.size()); };
    const at::Tensor rounded = separate_master_ ? buffers_->parameters().narrow(0, inside.begin, inside.size()) : at::Tensor();
    adamw(of_shard(master_), of_shard(exp_avg_), of_shard(exp_avg_sq_), of_shard(reduced_), buffers_->table().tensors[segment.tensor].decay,
          how, rounded);
  });
  gather();
}

void ShardedState::publish() {
  if (separate_master_) buffers_->parameters().narrow(0, shard_.begin, shard_.size()).copy_(master_);
  gather();
}

void ShardedState::gather() {
  if (!sharded_) return;
  const at::Tensor mine = buffers_->parameters().narrow(0, shard_.begin, shard_.size()).clone();
  mesh_.gradient().all_gather(buffers_->parameters(), mine).wait();
}

void ShardedState::zero_gradients() { buffers_->gradients().zero_(); }

int64_t ShardedState::gradient_bytes() const { return static_cast<int64_t>(buffers_->gradients().nbytes()); }

int64_t ShardedState::optimizer_bytes() const {
  return static_cast<int64_t>(exp_avg_.nbytes() + exp_avg_sq_.nbytes() + (separate_master_ ? master_.nbytes() : 0));
}

}  // namespace llmrun
