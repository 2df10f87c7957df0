#include "engine/parallel/pipeline_runner.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

namespace llmrun {
namespace {

using Kind = StageAction::Kind;

/// A micro-batch between its forward and its backward.
struct Flight {
  MicroBatch batch;
  std::vector<Saved> saved;  // one a unit
};

class Walk {
 public:
  Walk(Stage& stage, const std::vector<StageAction>& actions, const std::function<MicroBatch(int64_t)>& micro_batch)
      : stage_(stage), actions_(actions), micro_batch_(micro_batch), training_(has_backward()) {}

  StageCounts run() {
    for (size_t i = 0; i < actions_.size(); ++i) {
      post_receive(i);
      post_receive(i + 1);
      act(i);
    }
    for (Work& send : sends_) send.wait();
    return counts_;
  }

 private:
  struct Incoming {
    at::Tensor tensor;
    Work work;
  };

  bool has_backward() const {
    return std::any_of(actions_.begin(), actions_.end(), [](const StageAction& action) { return action.kind != Kind::forward; });
  }

  Communicator& pipeline() const { return stage_.mesh->pipeline(); }

  /// The neighbour an action takes its tensor from, if any.
  std::optional<int> source(const StageAction& action) const {
    if (action.kind == Kind::forward && !stage_.mesh->first_stage()) return pipeline().rank() - 1;
    if (action.kind == Kind::backward && !stage_.mesh->last_stage()) return pipeline().rank() + 1;
    return std::nullopt;
  }

  void post_receive(size_t index) {
    if (index >= actions_.size() || incoming_.contains(index)) return;
    const std::optional<int> from = source(actions_[index]);
    if (!from) return;
    Incoming incoming;
    incoming.tensor = at::empty({stage_.tokens_local, stage_.hidden}, at::TensorOptions().dtype(stage_.dtype).device(stage_.device));
    incoming.work = pipeline().receive(incoming.tensor, *from);
    incoming_.emplace(index, std::move(incoming));
  }

  at::Tensor received(size_t index) {
    auto found = incoming_.find(index);
    if (found == incoming_.end()) return {};
    found->second.work.wait();
    at::Tensor tensor = std::move(found->second.tensor);
    incoming_.erase(found);
    return tensor;
  }

  void act(size_t index) {
    const StageAction& action = actions_[index];
    switch (action.kind) {
      case Kind::forward:
        forward(action.micro_batch, received(index));
        break;
      case Kind::backward:
        backward(action.micro_batch, received(index));
        break;
    }
  }

  bool recomputed(const Unit& unit) const { return stage_.recompute == Recompute::full && unit.recomputable(); }

  void forward(int64_t index, at::Tensor x) {
    Flight& flight = flights_[index];
    flight.batch = micro_batch_(index);
    flight.saved.resize(stage_.units.size());
    for (size_t i = 0; i < stage_.units.size(); ++i) {
      Saved dropped;
      const at::Tensor input = x;
      x = stage_.units[i]->forward(input, flight.batch, recomputed(*stage_.units[i]) ? dropped : flight.saved[i]);
      if (recomputed(*stage_.units[i])) flight.saved[i][Slot::input] = input;
    }
    counts_.peak_micro_batches = std::max(counts_.peak_micro_batches, static_cast<int64_t>(flights_.size()));
    counts_.peak_saved_bytes = std::max(counts_.peak_saved_bytes, saved_bytes());
    if (!stage_.mesh->last_stage()) sends_.push_back(pipeline().send(x, pipeline().rank() + 1));
    if (!training_) flights_.erase(index);
  }

  /// Unit by unit, input gradient then weights, so that what a unit saved is gone before the next begins.
  void backward(int64_t index, at::Tensor dy) {
    Flight& flight = flights_.at(index);
    for (size_t i = stage_.units.size(); i-- > 0;) {
      Unit& unit = *stage_.units[i];
      Saved& saved = flight.saved[i];
      if (recomputed(unit)) unit.forward(saved.take(Slot::input), flight.batch, saved);
      dy = unit.backward_input(dy, flight.batch, saved);
      unit.backward_weight(flight.batch, saved);
    }
    if (!stage_.mesh->first_stage()) sends_.push_back(pipeline().send(dy, pipeline().rank() - 1));
    flights_.erase(index);
  }

  int64_t saved_bytes() const {
    int64_t bytes = 0;
    for (const auto& [index, flight] : flights_)
      for (const Saved& saved : flight.saved) bytes += saved.bytes();
    return bytes;
  }

  Stage& stage_;
  const std::vector<StageAction>& actions_;
  const std::function<MicroBatch(int64_t)>& micro_batch_;
  bool training_;
  std::map<int64_t, Flight> flights_;
  std::map<size_t, Incoming> incoming_;
  std::deque<Work> sends_;
  StageCounts counts_;
};

}  // namespace

StageCounts run_schedule(Stage& stage, const std::vector<StageAction>& actions, const std::function<MicroBatch(int64_t)>& micro_batch) {
  return Walk(stage, actions, micro_batch).run();
}

}  // namespace llmrun
