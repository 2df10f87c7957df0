#pragma once
#include <unordered_set>
#include <utility>
#include <vector>

#include "engine/parallel/copy_stream.h"
#include "engine/parallel/saved.h"
#include "engine/parallel/stage_log.h"

namespace llmrun {

/// Offload of activations (ZeRO-Infinity, Rajbhandari et al. 2021): what a unit saved waits for its backward in host memory. It leaves
/// while the next unit works and comes back while the one before it does, so that of all that waits a device holds, beside that of the
/// unit at work, one unit's that leaves and one that comes.
class ActivationOffload {
 public:
  /// Of one unit and micro-batch; `saved` stays where it is until it came back.
  struct Item {
    Saved& saved;
    size_t unit;
    int64_t micro_batch;
  };

  /// `log` may be null.
  ActivationOffload(at::Device device, StageLog* log) : device_(device), log_(log), leaving_copies_(device), coming_copies_(device) {}

  /// After its forward. REQUIRES that nothing leaves.
  void leave(const Item& item);
  /// After a unit's work: what left meanwhile has left.
  void settle();
  /// Asks for what went away; has it. What is still leaving stays.
  void want(const Item& item);
  void have(const Item& item);

 private:
  /// What travels, with both places of each tensor.
  struct Travel {
    const Saved* of = nullptr;
    size_t unit = 0;
    int64_t micro_batch = 0;
    std::vector<std::pair<at::Tensor, at::Tensor>> tensors;  // from, to
    CopyStream::Copies copies;
  };
  /// Puts a new tensor, made by `place`, where each tensor of `item` was.
  template <typename Place>
  Travel begin(const Item& item, CopyStream& stream, Place place);
  void note(StageEvent::What what, const Travel& travel) const {
    if (log_ != nullptr) log_->begin(what, travel.unit, travel.micro_batch);
  }

  at::Device device_;
  StageLog* log_;
  CopyStream leaving_copies_, coming_copies_;  // both directions of the bus at once
  Travel leaving_, coming_;
  std::unordered_set<const Saved*> away_;
};

}  // namespace llmrun
