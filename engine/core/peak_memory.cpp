#include "engine/core/peak_memory.h"

#include <compare>
#include <set>

#include "engine/core/activations.h"
#include "engine/core/parameters.h"
#include "engine/core/recompute.h"
#include "engine/core/unit_work.h"

namespace llmrun {
namespace {

using Kind = StageAction::Kind;

/// What one unit of the stage needs.
struct UnitNeeds {
  UnitId id;
  Recompute recompute;
  KeptActivations kept;
  UnitWork work;
  int64_t gathered = 0;         // whole parameters, where ZeRO keeps a shard
  int64_t arriving = 0;         // that shard on the device, where host memory keeps it
  int64_t whole_gradients = 0;  // likewise
  int64_t gradient_shard = 0;
  int64_t closing = 0;         // at the end of the step
  bool has_gradients = false;  // whole ones, now
};

class Walk {
 public:
  Walk(const Plan& plan, const PipelineSchedule& schedule, int64_t rank)
      : plan_(plan),
        where_(coordinates(plan.layout, rank)),
        placement_(schedule.placement),
        offloads_(plan.config.parallel.offloads(Offload::activations)),
        actions_(schedule.stages[static_cast<size_t>(where_.pipeline)]) {
    const ParallelConfig& parallel = plan.config.parallel;
    const TrainConfig& train = plan.config.train;
    peak_.state = state_bytes(plan.model, plan.layout, parallel, train.precision, rank);
    peak_.stepping = host_step_bytes(plan.model, plan.layout, parallel, train.precision, rank);
    const RowBytes bytes(plan.model, plan.layout, parallel, train);
    tokens_ = 4 * bytes.tokens * 8 + (plan.config.data.document_masks ? bytes.tokens * plan.layout.sequence_size * 8 : 0);
    row_ = bytes.row;

    kept_ = rotary_table_bytes(plan.model);

    const auto chunks = stage_chunks(plan.model, placement_, where_.pipeline, parallel.layers_per_stage);
    const auto how = unit_recompute(stage_units(plan.model, placement_, where_.pipeline, parallel.layers_per_stage), parallel);
    size_t index = 0;
    for (const auto& chunk : chunks) {
      chunks_.emplace_back();
      for (const UnitId& id : chunk) chunks_.back().push_back(needs_of(id, how[index++]));
    }
  }

  PeakMemory run() {
    for (size_t i = 0; i < actions_.size(); ++i) {
      next_ = i + 1 < actions_.size() ? &actions_[i + 1] : nullptr;
      act(actions_[i]);
    }
    close();
    if (plan_.device != Device::cpu) peak_.away = most_away_;
    return peak_;
  }

 private:
  UnitNeeds needs_of(const UnitId& id, Recompute how) const {
    const ParallelConfig& parallel = plan_.config.parallel;
    const TrainConfig& train = plan_.config.train;
    const bool separate_products = plan_.device == Device::cpu && train.precision == Precision::bf16;
    UnitNeeds needs{id, how, kept_activations(plan_.model, plan_.layout, parallel, train, id, how, where_.tensor),
                    unit_work(plan_.model, plan_.layout, parallel, train, id, where_, separate_products)};
    const int64_t sharers = shard_ranks(plan_.layout, parallel);
    const bool parameters_away = parallel.offloads(Offload::parameters);
    const UnitParameters table = unit_parameters(plan_.model, id, cut_of(plan_.layout, parallel, where_));
    const int64_t shard = shard_elements(table.elements, sharers), whole = shard * sharers;
    const bool whole_gradients = sharers == 1 || parallel.zero < 2 || keeps_whole_gradients(plan_.model, placement_, id);
    needs.closing = closing_bytes(table, shard, sharers, whole_gradients);
    if (parallel.zero >= 3 && (sharers > 1 || parameters_away)) needs.gathered = whole * element_bytes(train.precision);
    if (parameters_away && sharers > 1) needs.arriving = shard * element_bytes(train.precision);
    if (whole_gradients) return needs;
    needs.whole_gradients = whole * 4;
    needs.gradient_shard = shard * 4;
    return needs;
  }

  /// What ShardedState::reduce and step take for a while, beside whole buffers: the shard's sum before it goes into its place, the shard's
  /// parameters before they are gathered, and on a GPU the scaled gradients of a tensor.
  int64_t closing_bytes(const UnitParameters& table, int64_t shard, int64_t sharers, bool whole_gradients) const {
    const ParallelConfig& parallel = plan_.config.parallel;
    int64_t most = 0;
    if (sharers > 1 && whole_gradients) most = shard * 4;
    if (sharers > 1 && parallel.zero < 3) most = std::max(most, shard * element_bytes(plan_.config.train.precision));
    if (plan_.device == Device::cuda && !parallel.offloads(Offload::optimizer))
      for (const Segment& segment : table.segments) most = std::max(most, std::min(segment.elements(), shard) * 4);
    return most;
  }

  /// A tensor that comes from another stage stands from the action before its own on.
  int64_t coming() const {
    if (next_ == nullptr || next_->kind == Kind::backward_weight) return 0;
    const int64_t from = placement_.part_of(where_.pipeline, next_->chunk) + (next_->kind == Kind::forward ? -1 : 1);
    return from >= 0 && from < placement_.parts() && placement_.stage_of(from) != where_.pipeline ? row_ : 0;
  }

  /// `gathered`: parameters that stand whole.
  void reach(const UnitNeeds& unit, int64_t working, int64_t gathered, bool closing = false) {
    const PeakMemory now{peak_.state, kept_, working, gathered + gradients_ + reducing_, away_, peak_.stepping, unit.id, closing};
    const auto bytes = [&](const PeakMemory& memory) { return memory.total() + (plan_.device == Device::cpu ? memory.away : 0); };
    if (bytes(now) > bytes(peak_)) peak_ = now;
  }

  /// Whole parameters that come while a unit works: those of the one that the stage comes to next, unless they stand already.
  int64_t wanted_next(const std::vector<UnitNeeds>& units, size_t index, bool forward) const {
    const UnitNeeds* then = nullptr;
    bool then_forward = forward;
    if (forward && index + 1 < units.size()) {
      then = &units[index + 1];
    } else if (!forward && index > 0) {
      then = &units[index - 1];
    } else if (next_ != nullptr && next_->kind != Kind::backward_weight && !chunks_[static_cast<size_t>(next_->chunk)].empty()) {
      then_forward = next_->kind == Kind::forward;
      then = then_forward ? &chunks_[static_cast<size_t>(next_->chunk)].front() : &chunks_[static_cast<size_t>(next_->chunk)].back();
    }
    const auto reads = [](const UnitNeeds& unit, bool in_forward) { return in_forward || unit.id.kind != UnitKind::embedding; };
    if (then == nullptr || !reads(*then, then_forward) || (then == &units[index] && reads(*then, forward))) return 0;
    return then->gathered + then->arriving;
  }

  void act(const StageAction& action) {
    std::vector<UnitNeeds>& units = chunks_[static_cast<size_t>(action.chunk)];
    if (action.kind == Kind::forward) return forward(action, units);
    if (action.kind == Kind::backward_weight) return backward_weight(units);
    backward(action, units);
  }

  // What activation_offload.h does, in bytes.

  /// What a unit saved of a micro-batch: where in the stage, and which.
  struct Item {
    int64_t micro_batch = -1, chunk = 0;
    size_t unit = 0;
    auto operator<=>(const Item&) const = default;
  };

  void leave(const Item& item, int64_t bytes) {
    gone_.insert(item);
    leaving_ = item;
    leaving_bytes_ = bytes;
    away_ += bytes;
    most_away_ = std::max(most_away_, away_);
  }
  void settle() {
    kept_ -= leaving_bytes_;
    leaving_ = {};
    leaving_bytes_ = 0;
  }
  void want(const Item& item, int64_t bytes) {
    if (gone_.erase(item) == 0) return;
    if (leaving_ == item) {  // stays
      away_ -= bytes;
      leaving_ = {};
      leaving_bytes_ = 0;
      return;
    }
    kept_ += bytes;
    coming_bytes_ = bytes;
  }
  void have(const Item& item, int64_t bytes) {
    want(item, bytes);
    away_ -= coming_bytes_;
    coming_bytes_ = 0;
  }
  /// Of the unit whose backward comes after that of this one, or after the last unit of a forward.
  void want_next(const StageAction& action, const std::vector<UnitNeeds>& units, size_t index) {
    if (action.kind != Kind::forward && index > 0)
      return want({action.micro_batch, action.chunk, index - 1}, units[index - 1].kept.after_forward);
    if (next_ == nullptr || (next_->kind != Kind::backward && next_->kind != Kind::backward_input)) return;
    const std::vector<UnitNeeds>& then = chunks_[static_cast<size_t>(next_->chunk)];
    if (!then.empty()) want({next_->micro_batch, next_->chunk, then.size() - 1}, then.back().kept.after_forward);
  }
  /// Whether the last unit's backward is next.
  bool turns(const StageAction& forward) const {
    return next_ != nullptr && next_->kind != Kind::forward && next_->chunk == forward.chunk && next_->micro_batch == forward.micro_batch;
  }

  void forward(const StageAction& action, std::vector<UnitNeeds>& units) {
    kept_ += tokens_;
    for (size_t i = 0; i < units.size(); ++i) {
      UnitNeeds& unit = units[i];
      const int64_t input = unit.id.kind == UnitKind::embedding ? 0 : row_;
      int64_t gathered = unit.gathered;
      if (unit.id.kind == UnitKind::head) {  // its forward has gradients already, in a tied model those of the embedding
        have_gradients(unit);
        if (plan_.model.tie_embeddings && placement_.closes()) {
          UnitNeeds& embedding = chunks_.front().front();
          have_gradients(embedding);
          gathered += embedding.gathered;
        }
      }
      const bool last = i + 1 == units.size();
      if (offloads_ && last) want_next(action, units, i);
      reach(unit, input + unit.work.forward + coming(), gathered + wanted_next(units, i, true));
      kept_ += unit.kept.after_forward;
      if (!offloads_) continue;
      settle();
      if (!last || !turns(action)) leave({action.micro_batch, action.chunk, i}, unit.kept.after_forward);
    }
  }

  void backward(const StageAction& action, std::vector<UnitNeeds>& units) {
    const bool weights_too = action.kind == Kind::backward;
    for (size_t i = units.size(); i-- > 0;) {
      UnitNeeds& unit = units[i];
      if (offloads_) have({action.micro_batch, action.chunk, i}, unit.kept.after_forward), want_next(action, units, i);
      have_gradients(unit);
      const bool reads = unit.id.kind != UnitKind::embedding;
      const int64_t gradient = unit.id.kind == UnitKind::head ? 0 : row_;
      const int64_t sharding = (reads ? unit.gathered : 0) + wanted_next(units, i, false);
      if (unit.recompute == Recompute::full) reach(unit, gradient + unit.work.forward + coming(), sharding);
      kept_ += unit.kept.before_backward - unit.kept.after_forward;
      reach(unit, gradient + unit.work.backward_input + coming(), sharding);
      kept_ += unit.kept.after_backward_input - unit.kept.before_backward;
      settle();
      if (weights_too) weights(unit, wanted_next(units, i, false));
    }
    if (weights_too) kept_ -= tokens_;
  }

  void backward_weight(std::vector<UnitNeeds>& units) {
    for (auto unit = units.rbegin(); unit != units.rend(); ++unit) weights(*unit, 0);
    kept_ -= tokens_;
  }

  void weights(UnitNeeds& unit, int64_t wanted) {
    have_gradients(unit);
    const int64_t handed_on = unit.id.kind == UnitKind::embedding ? 0 : row_;
    reach(unit, handed_on + unit.work.backward_weight + coming(), wanted);
    kept_ -= unit.kept.after_backward_input;
    reducing_ = 0;  // the sum before this one is awaited
    if (!unit.has_gradients) return;
    reducing_ = unit.whole_gradients + unit.gradient_shard;
    gradients_ -= unit.whole_gradients;
    unit.has_gradients = false;
  }

  void close() {
    next_ = nullptr;
    for (const auto& chunk : chunks_)
      for (const UnitNeeds& unit : chunk) {
        if (reducing_ > 0) reach(unit, 0, 0, /*closing=*/true);  // the sum of the unit that worked last
        reducing_ = 0;
        reach(unit, unit.closing, 0, /*closing=*/true);
      }
  }

  void have_gradients(UnitNeeds& unit) {
    if (unit.has_gradients || unit.whole_gradients == 0) return;
    unit.has_gradients = true;
    gradients_ += unit.whole_gradients;
  }

  const Plan& plan_;
  Coordinates where_;
  const PipelinePlacement& placement_;
  bool offloads_;  // activations
  const std::vector<StageAction>& actions_;
  std::vector<std::vector<UnitNeeds>> chunks_;
  int64_t tokens_ = 0, row_ = 0;
  const StageAction* next_ = nullptr;
  PeakMemory peak_;
  int64_t kept_ = 0;  // on the device
  int64_t away_ = 0, most_away_ = 0;
  std::set<Item> gone_;
  Item leaving_;
  int64_t leaving_bytes_ = 0, coming_bytes_ = 0;
  int64_t gradients_ = 0;  // whole ones
  int64_t reducing_ = 0;   // whose sum is under way, with the shard it becomes
};

}  // namespace

int64_t rotary_table_bytes(const ModelShape& shape) {
  return shape.positions == Positions::rotary ? 2 * shape.max_positions * (shape.head_dim / 2) * 4 : 0;
}

PeakMemory peak_memory(const Plan& plan, const PipelineSchedule& schedule, int64_t rank) { return Walk(plan, schedule, rank).run(); }

}  // namespace llmrun
