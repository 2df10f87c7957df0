#pragma once
#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "engine/comm/mesh.h"
#include "engine/core/spec/config.h"
#include "engine/optim/adamw.h"
#include "engine/parallel/copy_stream.h"
#include "engine/parallel/unit_buffers.h"

namespace llmrun {

/// The optimizer's side of a unit: fp32 master weights and Adam moments of this rank's shard of the flat buffer, and the reductions
/// that bring the gradients there. ZeRO is a property of the buffer (Rajbhandari et al. 2020): stage 0 all-reduces the gradients and
/// every rank steps the whole; stage 1 reduce-scatters them at the end of the step, steps a shard, and gathers the
/// parameters again; stage 2 reduce-scatters after each backward and keeps the shard's sum alone; stage 3 keeps the shard's parameters
/// alone, and has them whole only while the unit works.
///
/// With fp32 parameters the master weights are the parameters themselves: no copy. Offload gives masters and moments a home in host memory,
/// where the CPU steps them (host_step.h), and under stage 3 the shard's parameters too: they come to the device for the gather.
///
/// Collective are reduce, step, publish and, under the stages that do something there, have_, want_parameters, post_ and finish_reduce:
/// every rank that shares the unit calls them in the same order.
class ShardedState {
 public:
  /// `whole_gradients`: kept until the end of the step whatever the stage, because something else has to be done with them first (the two
  /// copies of a tied embedding on two stages).
  ShardedState(std::shared_ptr<UnitBuffers> buffers, const Mesh& mesh, const ParallelConfig& parallel, bool whole_gradients = false);

  /// Stage 3: asks for the whole parameters; has them; lets them go. The first two tell whether there was something to ask or wait for.
  bool want_parameters();
  bool have_parameters();
  void drop_parameters();
  /// Stages 2 and 3: a whole gradient buffer to add into, zero where there was none; its reduce-scatter begun, which takes it away; the end
  /// of that, which adds to the shard's sum.
  void have_gradients();
  bool post_reduce();
  bool finish_reduce();

  /// At the end of a step. Sums gradients that only saw a part of the tokens or queries (Partial), then over mesh.shards(), where that
  /// was not done on the way, and mesh.replicas(): between nodes once a step, whatever ZeRO asks for inside one.
  void reduce();
  /// Of the reduced gradients, over what this rank owns: each element of the model once in the world.
  double owned_sum_of_squares() const;
  /// AdamW on the shard, decay as each tensor declares, and the parameters made new on every rank that shares them.
  void step(const AdamWStep& how);
  /// Brings master weights that were initialised or loaded into the parameters, on every rank that shares them.
  void publish();
  void zero_gradients();

  UnitBuffers& buffers() { return *buffers_; }
  const UnitBuffers& buffers() const { return *buffers_; }
  Interval shard() const { return shard_; }  // of the buffer's elements
  /// A rank that holds the same shard as another leaves norm and checkpoint to the first of mesh.replicas().
  bool owns_shard() const { return owns_shard_; }
  // fp32 [shard], on the device or, offloaded, in host memory.
  at::Tensor& master() { return master_; }
  at::Tensor& exp_avg() { return exp_avg_; }
  at::Tensor& exp_avg_sq() { return exp_avg_sq_; }

  // What this rank holds between steps.
  int64_t parameter_bytes() const;
  int64_t gradient_bytes() const;
  int64_t optimizer_bytes() const;  // moments, and masters where they are a copy; wherever they live

 private:
  void reduce_partial();
  void reduce_partial(Partial kind, Communicator& group);
  void gather();  // every shard's parameters to every rank
  at::Tensor shard_of(const at::Tensor& whole) const { return whole.narrow(0, shard_.begin, shard_.size()); }
  /// Calls `visit(segment, interval)` for each segment's elements that lie in the shard, as an interval of the buffer.
  template <typename Visit>
  void for_each_in_shard(Visit visit) const;

  std::shared_ptr<UnitBuffers> buffers_;
  const Mesh& mesh_;
  bool sharded_, shards_gradients_, shards_parameters_;
  bool on_host_;             // the optimizer's state
  bool parameters_on_host_;  // and the shard's parameters
  Interval shard_;
  bool owns_shard_;
  bool separate_master_;
  at::Tensor parameter_shard_;  // [shard], compute precision: a view of the whole buffer, or all that is kept of it
  at::Tensor reduced_;          // fp32 [shard]: likewise of the gradient buffer; the sum over all ranks after reduce()
  at::Tensor master_, exp_avg_, exp_avg_sq_;
  at::Tensor gathering_;  // whole parameters under way
  CopyStream arrivals_;   // of the shard's, from host memory
  CopyStream::Copies arriving_;
  at::Tensor scattering_, summed_;  // whole gradients under way, and this rank's part of their sum
  Work gather_, scatter_;
};

}  // namespace llmrun
