#include "engine/parallel/sharded_state.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <utility>

#include "engine/parallel/host_step.h"

namespace llmrun {

ShardedState::ShardedState(std::shared_ptr<UnitBuffers> buffers, const Mesh& mesh, const ParallelConfig& parallel, bool whole_gradients)
    : buffers_(std::move(buffers)),
      mesh_(mesh),
      sharded_(mesh.shards().size() > 1),
      shards_gradients_(sharded_ && parallel.zero >= 2 && !whole_gradients),
      shards_parameters_(parallel.zero >= 3 && (sharded_ || parallel.offloads(Offload::parameters))),
      on_host_(parallel.offloads(Offload::optimizer)),
      parameters_on_host_(shards_parameters_ && parallel.offloads(Offload::parameters)),
      arrivals_(buffers_->device()) {
  const int64_t elements = buffers_->elements();
  const int64_t each = elements / mesh.shards().size(), begin = each * mesh.shards().rank();
  shard_ = {begin, begin + each};
  owns_shard_ = mesh.replicas().rank() == 0;

  if (!shards_parameters_) buffers_->parameters() = buffers_->new_parameters();
  if (!shards_gradients_) buffers_->gradients() = buffers_->new_gradients();
  parameter_shard_ = shards_parameters_ ? buffers_->new_shard_of_parameters(each) : shard_of(buffers_->parameters());
  if (parameters_on_host_) parameter_shard_ = host_memory_like(parameter_shard_, buffers_->device()).zero_();
  const auto new_state = [&] { return on_host_ ? host_zeros(each, buffers_->device()) : buffers_->new_shard(each); };
  exp_avg_ = new_state();
  exp_avg_sq_ = new_state();
  reduced_ = shards_gradients_ ? buffers_->new_shard(each) : shard_of(buffers_->gradients());
  separate_master_ = on_host_ != parameters_on_host_ || parameter_shard_.scalar_type() != at::kFloat;
  master_ = separate_master_ ? new_state() : parameter_shard_;
}

bool ShardedState::want_parameters() {
  if (!shards_parameters_ || gathering_.defined() || buffers_->parameters().defined()) return false;
  gathering_ = buffers_->empty_parameters(buffers_->elements());
  if (parameters_on_host_) {
    arriving_ = arrivals_.run([&] {
      const at::Tensor shard = sharded_ ? buffers_->empty_parameters(shard_.size()) : gathering_;
      shard.copy_(parameter_shard_, /*non_blocking=*/true);
      if (sharded_) gather_ = mesh_.shards().all_gather(gathering_, shard);
    });
  } else {
    gather_ = mesh_.shards().all_gather(gathering_, parameter_shard_);
  }
  return true;
}

bool ShardedState::have_parameters() {
  want_parameters();
  if (!gathering_.defined()) return false;
  gather_.wait();
  arriving_.before_work();
  buffers_->parameters() = std::exchange(gathering_, at::Tensor());
  return true;
}

void ShardedState::drop_parameters() {
  if (shards_parameters_) buffers_->parameters().reset();
}

void ShardedState::have_gradients() {
  if (shards_gradients_ && !buffers_->gradients().defined()) buffers_->gradients() = buffers_->new_gradients();
}

bool ShardedState::post_reduce() {
  if (!shards_gradients_) return false;
  finish_reduce();
  reduce_partial();
  scattering_ = std::exchange(buffers_->gradients(), at::Tensor());
  summed_ = at::empty_like(reduced_);
  scatter_ = mesh_.shards().reduce_scatter(summed_, scattering_);
  return true;
}

bool ShardedState::finish_reduce() {
  if (!summed_.defined()) return false;
  scatter_.wait();
  reduced_.add_(summed_);
  summed_.reset();
  scattering_.reset();
  return true;
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
  if (sum.parts.size() == 1 && sum.parts.front().segment->elements() == sum.elements)  // learned positions, which may be long: no copy
    return group.all_reduce(gradient(*sum.parts.front().segment)).wait();
  const at::Tensor together = at::zeros({sum.elements}, buffers_->gradients().options());
  const auto place = [&](const PartialSum::Part& part) { return together.narrow(0, part.place, part.segment->elements()); };
  for (const PartialSum::Part& part : sum.parts) place(part).add_(gradient(*part.segment));
  group.all_reduce(together).wait();
  for (const PartialSum::Part& part : sum.parts) gradient(*part.segment).copy_(place(part));
}

void ShardedState::reduce_partial() {
  reduce_partial(Partial::tensor, mesh_.tensor());
  reduce_partial(Partial::kv_copies, mesh_.kv_copies());
}

void ShardedState::reduce() {
  finish_reduce();
  if (!shards_gradients_) {
    reduce_partial();
    if (sharded_) {
      const at::Tensor mine = at::empty_like(reduced_);  // no backend writes its result over its input
      mesh_.shards().reduce_scatter(mine, buffers_->gradients()).wait();
      reduced_.copy_(mine);
    }
  }
  mesh_.replicas().all_reduce(reduced_).wait();
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
  std::vector<StepPiece> pieces;
  for_each_in_shard([&](const Segment& segment, Interval inside) {
    pieces.push_back({{inside.begin - shard_.begin, inside.end - shard_.begin}, buffers_->table().tensors[segment.tensor].decay});
  });
  if (on_host_) {
    const at::Tensor at_home = parameters_on_host_ && separate_master_ ? parameter_shard_ : at::Tensor();
    step_on_host(pieces, {master_, exp_avg_, exp_avg_sq_, at_home}, reduced_, parameters_on_host_ ? at::Tensor() : parameter_shard_, how);
  } else {
    for (const auto& [at, decay] : pieces) {
      const auto piece = [&, at = at](const at::Tensor& tensor) { return tensor.narrow(0, at.begin, at.size()); };
      adamw(piece(master_), piece(exp_avg_), piece(exp_avg_sq_), piece(reduced_), decay, how,
            separate_master_ ? piece(parameter_shard_) : at::Tensor());
    }
  }
  gather();
}

void ShardedState::publish() {
  if (separate_master_) parameter_shard_.copy_(master_);
  gather();
}

void ShardedState::gather() {
  if (!sharded_ || shards_parameters_) return;
  const at::Tensor mine = parameter_shard_.clone();  // no backend writes its result over its input
  mesh_.shards().all_gather(buffers_->parameters(), mine).wait();
}

void ShardedState::zero_gradients() {
  if (buffers_->gradients().defined()) buffers_->gradients().zero_();
  reduced_.zero_();
}

int64_t ShardedState::parameter_bytes() const {
  return static_cast<int64_t>((shards_parameters_ ? parameter_shard_ : buffers_->parameters()).nbytes());
}

int64_t ShardedState::gradient_bytes() const {
  return static_cast<int64_t>((shards_gradients_ ? reduced_ : buffers_->gradients()).nbytes());
}

int64_t ShardedState::optimizer_bytes() const {
  return static_cast<int64_t>(exp_avg_.nbytes() + exp_avg_sq_.nbytes() + (separate_master_ ? master_.nbytes() : 0));
}

}  // namespace llmrun
