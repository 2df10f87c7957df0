#include "engine/core/unit_work.h"

#include <algorithm>

#include "engine/core/activations.h"
#include "engine/core/parameters.h"
#include "engine/core/step_traffic.h"

namespace llmrun {
namespace {

constexpr int64_t kFp32 = 4;

/// What stands now, and the most that ever stood.
class Heap {
 public:
  void take(int64_t bytes) { most_ = std::max(most_, now_ += bytes); }
  void free(int64_t bytes) { now_ -= bytes; }
  /// Something that is gone again before anything else is asked for.
  void pass(int64_t bytes) { take(bytes), free(bytes); }
  int64_t most() const { return most_; }

 private:
  int64_t now_ = 0, most_ = 0;
};

/// Of an element of a product that is made apart: as it comes, and widened to be added.
int64_t separate_bytes(int64_t element) { return element + kFp32; }

/// With what the border of the tensor axis and dropout make of it.
struct Rows : RowBytes {
  Rows(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train)
      : RowBytes(shape, layout, parallel, train),
        sliced(slices_tokens(parallel) && layout.tensor > 1),
        entered(sliced ? whole : 0),
        left(sliced ? row : 0),
        dropped(shape.dropout > 0 ? row : 0) {}
  bool sliced;
  int64_t entered;  // what TensorRegion::enter makes: nothing where it hands on what it got
  int64_t left;     // what TensorRegion::leave makes beside what it got
  int64_t dropped;  // the copy of a gradient that dropout changes
};

class BlockWork {
 public:
  BlockWork(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
            const Coordinates& where, bool separate_products)
      : rows_(shape, layout, parallel, train),
        exchanges_(layout.sequence_size > 1),
        several_(train.micro_batch > 1),
        ring_(layout.context),
        ring_rank_(where.context) {
    const LocalHeads heads = local_heads(shape, layout);
    const int64_t head = rows_.tokens * shape.head_dim * rows_.element;
    qkv_ = (heads.query + 2 * heads.kv) * head;
    inside_ = (heads.query + 2 * heads.exchanged_kv) * head;
    copies_ = heads.exchanged_kv > heads.kv * layout.sequence_size ? heads.exchanged_kv * head : 0;
    result_ = heads.query * head;
    lse_ = heads.query * rows_.tokens * kFp32;
    key_value_ = 2 * heads.exchanged_kv * head;
    if (train.attention == AttentionKind::plain) {
      const int64_t seen = train.seq_len / layout.context;
      scores_ = train.micro_batch * (heads.query / layout.sequence_size) * seen * seen * kFp32;
    }
    const int64_t ffn = part(shape.ffn, layout.tensor, where.tensor).size();
    activated_ = rows_.tokens * ffn * rows_.element;
    mlp_in_ = activated_ * (shape.activation == Activation::swiglu ? 2 : 1);
    if (separate_products) weight_ = ffn * shape.hidden * separate_bytes(rows_.element), mlp_in_weight_ = weight_ * (mlp_in_ / activated_);
  }

  int64_t forward() const {
    Heap heap;
    heap.take(rows_.row + rows_.statistics);  // of the attention norm
    heap.take(rows_.entered), heap.take(qkv_), heap.free(rows_.entered);
    if (exchanges_) {
      const int64_t gathered = several_ ? inside_ : 0;
      heap.take(inside_), heap.pass(copies_), heap.take(inside_), heap.free(inside_);  // to each rank, from each rank
      heap.take(gathered), heap.free(gathered), heap.free(qkv_);
    }
    heap.pass(2 * scores_), heap.take(result_ + lse_);
    if (ring_ > 1) heap.pass(2 * key_value_ + wide(result_));
    if (exchanges_) {
      heap.pass((several_ ? result_ : 0) + 2 * result_);
      heap.take(result_);
    }
    heap.take(rows_.whole), heap.pass(rows_.left), heap.free(rows_.whole), heap.take(rows_.row);
    heap.take(2 * rows_.row + rows_.statistics);  // of the second norm, with the sum before it
    heap.take(rows_.entered), heap.take(mlp_in_), heap.free(rows_.entered);
    heap.pass(activated_ + rows_.whole + rows_.left);
    return heap.most();
  }

  int64_t backward_input() const {
    Heap heap;
    heap.take(rows_.dropped), heap.take(rows_.entered);
    heap.take(activated_), heap.take(mlp_in_), heap.free(activated_);
    heap.take(rows_.whole), heap.pass(rows_.left), heap.free(rows_.whole), heap.take(rows_.row);
    heap.take(rows_.row), heap.free(rows_.row + rows_.statistics);  // its gradient comes, the middle goes
    heap.take(rows_.dropped), heap.take(rows_.entered), heap.take(result_);
    attention_backward(heap);
    heap.take(rows_.whole), heap.pass(rows_.left), heap.free(rows_.whole);
    heap.pass(rows_.row);
    return heap.most();
  }

  int64_t backward_weight() const {
    Heap heap;
    heap.take(activated_), heap.pass(weight_), heap.free(activated_ + mlp_in_ + rows_.whole);
    heap.take(rows_.entered), heap.pass(mlp_in_weight_);
    return heap.most();
  }

 private:
  /// qkv, the result and lse stand until its end; then the gradient of qkv alone is left.
  void attention_backward(Heap& heap) const {
    const int64_t exchanged = exchanges_ ? result_ : 0;
    if (exchanges_) heap.take(result_), heap.take(result_), heap.pass(several_ ? result_ : 0), heap.free(result_);
    heap.take(inside_), heap.pass(3 * scores_);
    for (int64_t step = 0; ring_ > 1 && step < ring_; ++step) ring_backward(heap, step);
    if (exchanges_) {
      const int64_t gathered = several_ ? inside_ : 0;
      heap.take(gathered + inside_), heap.free(gathered);  // to each rank, from each rank
      heap.take(qkv_), heap.pass(key_value_ / 2), heap.free(inside_);
    }
    heap.free(exchanges_ ? inside_ + exchanged : 0);
    heap.free(inside_ + exchanged + lse_);
  }

  /// The gradient of the queries; keys and values here and on their way; what the kernel gives of a meeting; the gradients of keys and
  /// values that came, that leave and that will come.
  void ring_backward(Heap& heap, int64_t step) const {
    const int64_t travelling = step + 1 < ring_ ? 2 * key_value_ : key_value_;
    const bool sees_half_the_keys = step > 0 && step <= ring_rank_, sees_with_half = step > ring_rank_;
    const int64_t meeting = result_ / (sees_with_half ? 2 : 1) + key_value_ / (sees_half_the_keys ? 2 : 1);
    heap.pass(wide(result_) + travelling + meeting + (step == 0 ? 2 : 3) * wide(key_value_));
  }

  int64_t wide(int64_t bytes) const { return bytes / rows_.element * kFp32; }

  Rows rows_;
  bool exchanges_, several_;
  int64_t ring_, ring_rank_;
  int64_t qkv_, inside_;  // outside the Ulysses exchange, and inside
  int64_t copies_;        // of KV heads, where the exchange makes them
  int64_t result_, lse_;  // of attention
  int64_t scores_ = 0;    // fp32, of plain attention
  int64_t key_value_;     // as they go round the ring
  int64_t activated_, mlp_in_;
  int64_t weight_ = 0, mlp_in_weight_ = 0;  // products that stand apart
};

UnitWork head_work(const ModelShape& shape, const Layout& layout, const Rows& rows, bool separate_products) {
  const int64_t held = vocabulary_rows(shape.vocab, layout.tensor);
  const int64_t logits = loss_chunk(rows.tokens, shape.vocab, layout.tensor) * held * kFp32;
  const int64_t narrow = rows.element < kFp32 ? logits / kFp32 * rows.element : 0;
  UnitWork work;
  Heap forward;
  forward.take(rows.row + rows.statistics), forward.take(rows.entered), forward.free(rows.sliced ? rows.row : 0);
  forward.take(rows.whole);
  forward.take(logits), forward.pass(narrow + (separate_products ? held * shape.hidden * separate_bytes(rows.element) : 0));
  work.forward = forward.most();
  work.backward_input = rows.left + rows.row;
  return work;
}

}  // namespace

UnitWork unit_work(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                   const UnitId& unit, const Coordinates& where, bool separate_products) {
  const Rows rows(shape, layout, parallel, train);
  switch (unit.kind) {
    case UnitKind::embedding: {
      const int64_t positions = shape.positions == Positions::learned ? rows.row : 0;
      return {std::max(rows.whole + rows.left, rows.row + positions), rows.dropped, rows.entered};
    }
    case UnitKind::block: {
      const BlockWork block(shape, layout, parallel, train, where, separate_products);
      return {block.forward(), block.backward_input(), block.backward_weight()};
    }
    case UnitKind::head:
      return head_work(shape, layout, rows, separate_products);
  }
  return {};
}

}  // namespace llmrun
