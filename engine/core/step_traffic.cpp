#include "engine/core/step_traffic.h"

#include <algorithm>

#include "engine/core/memory.h"
#include "engine/core/parameters.h"
#include "engine/core/recompute.h"
#include "engine/core/sequence_slice.h"

namespace llmrun {

int64_t loss_chunk(int64_t tokens, int64_t vocab, int64_t tensor) {
  const int64_t fitting = (int64_t{16} << 20) / (4 * vocabulary_rows(vocab, tensor));
  return std::min(tokens, std::max<int64_t>(64, fitting));
}

namespace {

class Count {
 public:
  Count(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train, int64_t rank)
      : shape_(shape),
        layout_(layout),
        parallel_(parallel),
        where_(coordinates(layout, rank)),
        sliced_(slices_tokens(parallel) && layout.tensor > 1),
        element_(element_bytes(train.precision)),
        tokens_(train.micro_batch * slice_tokens(train.seq_len, layout)) {}

  void micro_batch() {
    const std::vector<UnitId> stage = units();
    const std::vector<Recompute> again = unit_recompute(stage, parallel_);
    for (size_t i = 0; i < stage.size(); ++i) {
      const UnitId& unit = stage[i];
      switch (unit.kind) {
        case UnitKind::embedding:
          leave(1), enter(1);
          break;
        case UnitKind::block:
          block(again[i]);
          break;
        case UnitKind::head:
          enter(1), loss(), leave(1);
          break;
      }
      zero(unit);
    }
    const int64_t activation = (sliced_ ? tokens_ / layout_.tensor : tokens_) * shape_.hidden * element_;
    const PipelinePlacement placement = pipeline_placement(layout_, parallel_);
    for (int64_t chunk = 0; chunk < placement.chunks; ++chunk)
      for (const int64_t next : {1, -1}) {  // the activation on, its gradient back
        const int64_t to = placement.part_of(where_.pipeline, chunk) + next;
        if (to >= 0 && to < placement.parts() && placement.stage_of(to) != where_.pipeline)
          add(Purpose::pipeline, Verb::message, activation);
      }
  }

  void gradients() {
    for (const UnitId& unit : units()) {
      const UnitParameters table = unit_parameters(shape_, unit, cut_of(layout_, parallel_, where_));
      tied(table);
      if (!shards_gradients(unit)) reduce(table);
      if (gradient_ranks(layout_) > sharers()) add(Purpose::data, Verb::all_reduce, 4 * shard(table));
      if (sharers() > 1 && (parallel_.zero == 1 || parallel_.zero == 2)) gather(table);
    }
  }

  void control() {
    if (layout_.ranks() > 1) add(Purpose::control, Verb::all_reduce, kStepScalars * 8);
  }

  const Traffic& traffic() const { return traffic_; }

 private:
  std::vector<UnitId> units() const {
    return stage_units(shape_, pipeline_placement(layout_, parallel_), where_.pipeline, parallel_.layers_per_stage);
  }

  void add(Purpose purpose, Verb verb, int64_t bytes) { traffic_[purpose].add(verb, bytes); }

  /// TensorRegion::enter and leave: what they move is [tokens, hidden] whole, whichever collective it is.
  void leave(int64_t times) { border(sliced_ ? Verb::reduce_scatter : Verb::all_reduce, times); }
  void enter(int64_t times) {
    if (sliced_) border(Verb::all_gather, times);
  }
  void border(Verb verb, int64_t times) {
    for (int64_t i = 0; layout_.tensor > 1 && i < times; ++i) add(Purpose::tensor, verb, tokens_ * shape_.hidden * element_);
  }

  void block(Recompute again) {
    const int64_t forwards = again == Recompute::full ? 2 : 1;
    enter(2 * forwards), leave(2 * forwards);  // forward
    enter(2), leave(2);                        // input gradients
    enter(2);                                  // weight gradients of the column linears
    attention(forwards, again != Recompute::none ? 2 : 1);
  }

  /// The Ulysses exchanges (HeadExchange) and the rounds of the ring (ring_attention.h), whose fp32 gradients come home.
  void attention(int64_t qkv_forwards, int64_t forwards) {
    const LocalHeads heads = local_heads(shape_, layout_);
    const int64_t ulysses = layout_.sequence_size, ring = layout_.context, head = tokens_ * shape_.head_dim;  // of every token here
    const int64_t qkv = (heads.query + 2 * heads.exchanged_kv) * head * element_, result = heads.query * head * element_;
    for (int64_t pass = 0; ulysses > 1 && pass < qkv_forwards + 1; ++pass)
      add(Purpose::sequence, Verb::all_to_all, qkv);  // once for its gradient
    for (int64_t pass = 0; ulysses > 1 && pass < forwards + 1; ++pass) add(Purpose::sequence, Verb::all_to_all, result);
    const int64_t key_value = 2 * heads.exchanged_kv * head;
    for (int64_t step = 0; step < (forwards + 1) * (ring - 1); ++step) add(Purpose::context, Verb::message, key_value * element_);
    for (int64_t step = 0; ring > 1 && step < ring; ++step) add(Purpose::context, Verb::message, key_value * 4);
  }

  void loss() {
    if (layout_.tensor == 1) return;
    const int64_t chunk = loss_chunk(tokens_, shape_.vocab, layout_.tensor);
    for (int64_t begin = 0; begin < tokens_; begin += chunk) {
      const int64_t size = std::min(chunk, tokens_ - begin);
      add(Purpose::tensor, Verb::all_reduce, 4 * size);  // the row's maximum
      add(Purpose::tensor, Verb::all_reduce, 8 * size);  // the sum of exponentials and the target's logit
    }
  }

  void partial(const UnitParameters& table, Partial kind, int64_t ranks) {
    const int64_t elements = partial_sum(table, kind).elements;
    if (ranks > 1 && elements > 0) add(Purpose::tensor, Verb::all_reduce, 4 * elements);
  }

  void tied(const UnitParameters& table) {
    if (!shape_.tie_embeddings || pipeline_placement(layout_, parallel_).closes()) return;
    const LocalParameter* shared = table.find(table.unit.kind == UnitKind::embedding ? Role::token_embedding : Role::output_projection);
    if (shared != nullptr) add(Purpose::pipeline, Verb::all_reduce, 4 * shared->elements());
  }

  /// ZeRO 2 and 3, a micro-batch.
  void zero(const UnitId& unit) {
    if (sharers() == 1 || parallel_.zero < 2) return;
    const UnitParameters table = unit_parameters(shape_, unit, cut_of(layout_, parallel_, where_));
    if (shards_gradients(unit)) reduce(table);
    if (parallel_.zero < 3) return;
    gather(table);                                        // forward
    if (unit.kind != UnitKind::embedding) gather(table);  // backward
    const bool both_ends = shape_.tie_embeddings && pipeline_placement(layout_, parallel_).closes();
    if (unit.kind == UnitKind::embedding && both_ends) gather(table);  // the head's projection
  }

  bool shards_gradients(const UnitId& unit) const {
    return sharers() > 1 && parallel_.zero >= 2 && !keeps_whole_gradients(shape_, pipeline_placement(layout_, parallel_), unit);
  }

  int64_t sharers() const { return shard_ranks(layout_, parallel_); }
  int64_t shard(const UnitParameters& table) const { return shard_elements(table.elements, sharers()); }

  void reduce(const UnitParameters& table) {
    partial(table, Partial::tensor, layout_.tensor);
    partial(table, Partial::kv_copies, kv_copies(shape_, layout_.tensor).ranks);
    if (sharers() > 1) add(Purpose::data, Verb::reduce_scatter, 4 * sharers() * shard(table));
  }

  void gather(const UnitParameters& table) { add(Purpose::data, Verb::all_gather, element_ * sharers() * shard(table)); }

  const ModelShape& shape_;
  const Layout& layout_;
  const ParallelConfig& parallel_;
  Coordinates where_;
  bool sliced_;
  int64_t element_;
  int64_t tokens_;
  Traffic traffic_;
};

}  // namespace

Traffic step_traffic(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                     int64_t accumulate, int64_t rank) {
  Count count(shape, layout, parallel, train, rank);
  for (int64_t i = 0; i < accumulate; ++i) count.micro_batch();
  count.gradients();
  count.control();
  return count.traffic();
}

}  // namespace llmrun
