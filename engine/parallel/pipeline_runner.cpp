#include "engine/parallel/pipeline_runner.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <compare>
#include <deque>
#include <map>
#include <optional>

#include "engine/parallel/activation_offload.h"

namespace llmrun {
namespace {

using Kind = StageAction::Kind;

/// A tensor on its way to a chunk: an activation to its forward, or a gradient to its backward.
struct Message {
  bool gradient;
  int64_t micro_batch, chunk;
  auto operator<=>(const Message&) const = default;
};

/// What an action takes, and hands on, by the parts of the model.
class Route {
 public:
  Route(const PipelinePlacement& placement, int64_t stage, const StageAction& action)
      : placement_(placement), action_(action), part_(placement.part_of(stage, action.chunk)) {}

  /// The stage that it takes a tensor from; nothing: it takes none.
  std::optional<int64_t> source() const { return stage_at(gradient() ? part_ + 1 : part_ - 1, action_.kind != Kind::backward_weight); }
  /// The stage that it hands one to.
  std::optional<int64_t> target() const { return stage_at(gradient() ? part_ - 1 : part_ + 1, action_.kind != Kind::backward_weight); }
  /// The tensor it takes. REQUIRES source().
  Message taken() const { return {gradient(), action_.micro_batch, action_.chunk}; }
  /// The tensor it hands on. REQUIRES target().
  Message given() const { return {gradient(), action_.micro_batch, placement_.chunk_of(gradient() ? part_ - 1 : part_ + 1)}; }

 private:
  bool gradient() const { return action_.kind != Kind::forward; }
  std::optional<int64_t> stage_at(int64_t part, bool moves) const {
    return moves && part >= 0 && part < placement_.parts() ? std::optional(placement_.stage_of(part)) : std::nullopt;
  }

  const PipelinePlacement& placement_;
  const StageAction& action_;
  int64_t part_;
};

/// The tensors that come from other stages.
class Arrivals {
 public:
  Arrivals(const Stage& stage, const PipelineSchedule& schedule) : stage_(stage), self_(stage.mesh->where().pipeline) {
    for (int64_t from = 0; from < schedule.placement.stages; ++from) {
      if (from == self_) continue;
      for (const StageAction& action : schedule.stages[static_cast<size_t>(from)])
        if (const Route route(schedule.placement, from, action); route.target() == self_) expected_[from].push_back(route.given());
    }
  }

  /// Asks for this one, and for all that its sender sends before it.
  void post(const Message& message, int64_t from) {
    while (!posted_.contains(message)) {
      std::deque<Message>& expected = expected_.at(from);
      Posted& posted = posted_[expected.front()];
      expected.pop_front();
      posted.tensor = at::empty({stage_.tokens_local, stage_.hidden}, at::TensorOptions().dtype(stage_.dtype).device(stage_.device));
      posted.work = stage_.mesh->pipeline().receive(posted.tensor, static_cast<int>(from));
    }
  }

  /// REQUIRES that it was posted.
  at::Tensor take(const Message& message) {
    Posted posted = std::move(posted_.extract(message).mapped());
    posted.work.wait();
    return std::move(posted.tensor);
  }

 private:
  struct Posted {
    at::Tensor tensor;
    Work work;
  };
  const Stage& stage_;
  int64_t self_;
  std::map<int64_t, std::deque<Message>> expected_;  // by sender, in the order it sends
  std::map<Message, Posted> posted_;
};

/// A chunk of a micro-batch between its forward and the end of its backward.
struct Flight {
  MicroBatch batch;
  std::vector<Saved> saved;    // one a unit of the chunk
  std::vector<int64_t> bytes;  // of each, when it was last counted
};

class Walk {
 public:
  Walk(Stage& stage, const PipelineSchedule& schedule, const std::function<MicroBatch(int64_t)>& micro_batch)
      : stage_(stage),
        self_(stage.mesh->where().pipeline),
        actions_(schedule.stages[static_cast<size_t>(self_)]),
        micro_batch_(micro_batch),
        training_(has_backward()),
        arrivals_(stage, schedule),
        presence_(stage.units, stage.states, training_, stage.log) {
    if (training_ && stage.offloads_activations) offload_.emplace(stage.device, stage.log);
  }

  StageCounts run() {
    for (size_t i = 0; i < actions_.size(); ++i) {
      post_receive(i);
      post_receive(i + 1);
      next_ = i + 1 < actions_.size() ? &actions_[i + 1] : nullptr;
      act(actions_[i]);
    }
    presence_.finish();
    for (Work& send : sends_) send.wait();
    return counts_;
  }

 private:
  bool has_backward() const {
    return std::any_of(actions_.begin(), actions_.end(), [](const StageAction& action) { return action.kind != Kind::forward; });
  }

  void post_receive(size_t index) {
    if (index >= actions_.size()) return;
    const Route route(stage_.placement, self_, actions_[index]);
    if (const auto from = route.source(); from && *from != self_) arrivals_.post(route.taken(), *from);
  }

  /// Nothing for the first part's forward and the last one's backward.
  at::Tensor taken(const Route& route) {
    const auto from = route.source();
    if (!from) return {};
    if (*from != self_) return arrivals_.take(route.taken());
    return std::move(given_.extract(route.taken()).mapped());
  }

  void give(const Route& route, const at::Tensor& tensor) {
    const auto to = route.target();
    if (!to) return;
    if (*to == self_) {
      given_[route.given()] = tensor;
    } else {
      sends_.push_back(stage_.mesh->pipeline().send(tensor, static_cast<int>(*to)));
    }
  }

  void act(const StageAction& action) {
    const Route route(stage_.placement, self_, action);
    const Key key{action.micro_batch, action.chunk};
    switch (action.kind) {
      case Kind::forward:
        give(route, forward(key, taken(route)));
        if (!training_) land(key);
        break;
      case Kind::backward:
        give(route, backward(key, taken(route), /*weights_too=*/true));
        land(key);
        break;
      case Kind::backward_input:
        give(route, backward(key, taken(route), /*weights_too=*/false));
        break;
      case Kind::backward_weight:
        backward_weight(key);
        land(key);
        break;
    }
  }

  bool recomputes(size_t unit, Recompute how) const { return !stage_.recompute.empty() && stage_.recompute[unit] == how; }
  /// The units of a chunk, as indices of stage_.units.
  const Interval& units_of(int64_t chunk) const { return stage_.chunks[static_cast<size_t>(chunk)]; }

  struct Key {
    int64_t micro_batch, chunk;
    auto operator<=>(const Key&) const = default;
  };

  /// Asks for what the next action begins with, while this one is at its last unit.
  void want_for_next() {
    if (next_ == nullptr || units_of(next_->chunk).size() == 0) return;
    if (next_->kind == Kind::forward) presence_.want_for_forward(static_cast<size_t>(units_of(next_->chunk).begin));
    if (next_->kind == Kind::backward || next_->kind == Kind::backward_input)
      want_for_backward({next_->micro_batch, next_->chunk}, units_of(next_->chunk).end - 1);
  }

  void want_for_backward(const Key& key, int64_t unit) {
    presence_.want_for_backward(static_cast<size_t>(unit));
    if (offload_) offload_->want(item(key, unit));
  }

  ActivationOffload::Item item(const Key& key, int64_t unit) {
    return {flights_.at(key).saved[static_cast<size_t>(unit - units_of(key.chunk).begin)], static_cast<size_t>(unit), key.micro_batch};
  }

  /// After a unit's forward: what it saved goes away, unless its backward is next.
  void leave(const Key& key, int64_t unit) {
    const bool turns = unit + 1 == units_of(key.chunk).end && next_ != nullptr && next_->kind != Kind::forward &&
                       Key{next_->micro_batch, next_->chunk} == key;
    if (!turns) offload_->leave(item(key, unit));
  }

  template <typename WorkOfUnit>
  void logged(StageEvent::What what, size_t unit, const Key& key, WorkOfUnit work) {
    if (stage_.log == nullptr) return work();
    const size_t event = stage_.log->begin(what, unit, key.micro_batch);
    work();
    stage_.log->end(event);
  }

  at::Tensor forward(const Key& key, at::Tensor x) {
    Flight& flight = flights_[key];
    flight.batch = micro_batch_(key.micro_batch);
    const auto [begin, end] = units_of(key.chunk);
    flight.saved.resize(static_cast<size_t>(end - begin));
    flight.bytes.resize(flight.saved.size());
    for (int64_t index = begin; index < end; ++index) {
      const auto i = static_cast<size_t>(index);
      Unit& unit = *stage_.units[i];
      Saved dropped;
      Saved& saved = flight.saved[static_cast<size_t>(index - begin)];
      const at::Tensor input = x;
      presence_.before_forward(i);
      index + 1 < end ? presence_.want_for_forward(i + 1) : want_for_next();
      const bool keeps_input = recomputes(i, Recompute::full);
      logged(StageEvent::What::forward, i, key, [&] { x = unit.forward(input, flight.batch, keeps_input ? dropped : saved); });
      presence_.after_forward(i);
      if (keeps_input) saved[Slot::input] = input;
      if (recomputes(i, Recompute::selective)) unit.release(saved);
      count(flight, index - begin);
      if (offload_) offload_->settle(), leave(key, index);
    }
    counts_.peak_micro_batches = std::max(counts_.peak_micro_batches, static_cast<int64_t>(flights_.size()));
    return x;
  }

  /// Unit by unit. With the weights at once, what a unit saved is gone before the next begins.
  at::Tensor backward(const Key& key, at::Tensor dy, bool weights_too) {
    Flight& flight = flights_.at(key);
    const auto [begin, end] = units_of(key.chunk);
    for (int64_t index = end; index-- > begin;) {
      const auto i = static_cast<size_t>(index);
      Unit& unit = *stage_.units[i];
      Saved& saved = flight.saved[static_cast<size_t>(index - begin)];
      presence_.before_backward_input(i);
      if (offload_) offload_->have(item(key, index));
      index > begin ? want_for_backward(key, index - 1) : want_for_next();
      if (recomputes(i, Recompute::full))
        logged(StageEvent::What::forward, i, key, [&] { unit.forward(saved.take(Slot::input), flight.batch, saved); });
      if (recomputes(i, Recompute::selective)) logged(StageEvent::What::restore, i, key, [&] { unit.restore(flight.batch, saved); });
      count(flight, index - begin);
      logged(StageEvent::What::backward_input, i, key, [&] { dy = unit.backward_input(dy, flight.batch, saved); });
      presence_.after_backward_input(i);
      if (offload_) offload_->settle();
      if (!weights_too) {
        count(flight, index - begin);
        continue;
      }
      logged(StageEvent::What::backward_weight, i, key, [&] { unit.backward_weight(flight.batch, saved); });
      presence_.after_backward_weight(i);
      count(flight, index - begin);
    }
    return dy;
  }

  void backward_weight(const Key& key) {
    Flight& flight = flights_.at(key);
    const auto [begin, end] = units_of(key.chunk);
    for (int64_t index = end; index-- > begin;) {
      const auto i = static_cast<size_t>(index);
      presence_.before_backward_weight(i);
      Saved& saved = flight.saved[static_cast<size_t>(index - begin)];
      logged(StageEvent::What::backward_weight, i, key, [&] { stage_.units[i]->backward_weight(flight.batch, saved); });
      presence_.after_backward_weight(i);
      count(flight, index - begin);
    }
  }

  void land(const Key& key) {
    for (const int64_t bytes : flights_.at(key).bytes) saved_bytes_ -= bytes;
    flights_.erase(key);
  }

  /// Unit `unit` of the chunk has saved, or let go.
  void count(Flight& flight, int64_t unit) {
    const auto at = static_cast<size_t>(unit);
    saved_bytes_ -= flight.bytes[at];
    saved_bytes_ += flight.bytes[at] = flight.saved[at].bytes();
    counts_.peak_saved_bytes = std::max(counts_.peak_saved_bytes, saved_bytes_);
  }

  Stage& stage_;
  int64_t self_;
  const std::vector<StageAction>& actions_;
  const std::function<MicroBatch(int64_t)>& micro_batch_;
  bool training_;
  Arrivals arrivals_;
  Presence presence_;
  std::optional<ActivationOffload> offload_;
  const StageAction* next_ = nullptr;    // behind the one that runs
  std::map<Message, at::Tensor> given_;  // from this stage to itself, where a placement turns
  std::map<Key, Flight> flights_;
  int64_t saved_bytes_ = 0;  // of all flights
  std::deque<Work> sends_;
  StageCounts counts_;
};

}  // namespace

StageCounts run_schedule(Stage& stage, const PipelineSchedule& schedule, const std::function<MicroBatch(int64_t)>& micro_batch) {
  return Walk(stage, schedule, micro_batch).run();
}

}  // namespace llmrun
