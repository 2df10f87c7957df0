#include "engine/core/parameters.h"

#include <algorithm>
#include <cassert>
#include <map>
#include <numeric>

namespace llmrun {

Cut cut_of(const Layout& layout, const ParallelConfig& parallel, const Coordinates& where) {
  return {layout.tensor, where.tensor, slices_tokens(parallel), pipeline_placement(layout, parallel).closes() ? 1 : layout.pipeline};
}

const LocalParameter* UnitParameters::find(Role role) const {
  for (const LocalParameter& parameter : parameters)
    if (parameter.role == role) return &parameter;
  return nullptr;
}

KvCopies kv_copies(int64_t heads, int64_t kv_heads, int64_t ranks) {
  const int64_t group = heads / kv_heads, each = heads / ranks;
  const int64_t run = std::gcd(group, each);  // borders of ranks and of groups are both multiples of it
  return {each / run, group / run, ranks / std::gcd(ranks, kv_heads)};
}

int64_t shard_ranks(const Layout& layout, const ParallelConfig& parallel) {
  return parallel.zero == 0 ? 1 : parallel.shard_group.value_or(gradient_ranks(layout));
}

LocalHeads local_heads(const ModelShape& shape, const Layout& layout) {
  const int64_t query = shape.heads / layout.tensor, kv = kv_copies(shape, layout.tensor).local;
  return {query, kv, kv_copies(query, kv, layout.sequence_size).local * layout.sequence_size};
}

PartialSum partial_sum(const UnitParameters& table, Partial kind) {
  PartialSum sum;
  std::map<int64_t, int64_t> begin;  // of each tensor's rows in the buffer
  for (const Segment& segment : table.segments) {
    if (segment.partial != kind) continue;
    const int64_t columns = segment.box.columns.size();
    const auto [at, first] = begin.try_emplace(segment.tensor, sum.elements);
    if (first) sum.elements += segment.shared_rows.size() * columns;
    sum.parts.push_back({&segment, at->second + (segment.box.rows.begin - segment.shared_rows.begin) * columns});
  }
  return sum;
}

namespace {

int64_t round_up(int64_t n, int64_t multiple) { return (n + multiple - 1) / multiple * multiple; }

}  // namespace

int64_t shard_elements(int64_t elements, int64_t ranks) { return round_up((elements + ranks - 1) / ranks, kAlignment); }

int64_t vocabulary_rows(int64_t vocab, int64_t tensor) { return round_up(part(vocab, tensor, 0).size(), 64); }

namespace {

/// Lays out a unit's parameters one after the other.
class Builder {
 public:
  Builder(const ModelShape& shape, const UnitId& unit, const Cut& cut) : shape_(shape), cut_(cut) {
    table_.unit = unit;
    table_.tensors = unit_tensors(shape, unit);
  }

  /// A parameter made of boxes of tensors that lie below one another, and of padding up to `at_least` rows.
  void add(Role role, const std::vector<Segment>& segments, int64_t at_least = 0) {
    LocalParameter parameter{role, 0, segments[0].box.columns.size(), table_.elements, table_.tensors[segments[0].tensor].vector};
    for (Segment segment : segments) {
      segment.offset = parameter.offset + parameter.elements();
      parameter.rows += segment.box.rows.size();
      if (segment.elements() > 0) table_.segments.push_back(segment);
    }
    parameter.rows = std::max(parameter.rows, at_least);
    table_.parameters.push_back(parameter);
    table_.elements = round_up(parameter.offset + parameter.elements(), kAlignment);
  }

  /// Rows of the next tensor; `first_row` where several parts share one tensor.
  Segment rows(int64_t tensor, Interval rows) const {
    Segment segment;
    segment.tensor = tensor;
    segment.box = {rows, {0, table_.tensors[tensor].columns}};
    segment.shared_rows = rows;
    return segment;
  }
  Segment split_rows(int64_t tensor) const { return rows(tensor, part(table_.tensors[tensor].rows, cut_.tensor, cut_.tensor_rank)); }
  Segment split_columns(int64_t tensor, Interval columns) const {
    Segment segment = rows(tensor, {0, table_.tensors[tensor].rows});
    segment.box.columns = columns;
    return segment;
  }

  /// The same on every tensor rank; tensor rank 0 owns it. `sliced`: under sequence parallel its gradient saw a slice of the tokens.
  Segment replicated(int64_t tensor, bool sliced) const {
    Segment segment = rows(tensor, {0, table_.tensors[tensor].rows});
    segment.owned = cut_.tensor_rank == 0;
    segment.partial = sliced && cut_.sequence_parallel ? Partial::tensor : Partial::none;
    return segment;
  }

  /// Q, K and V rows of this rank's heads; in GPT all three are parts of one tensor, in Llama three tensors from `tensor` on.
  std::vector<Segment> qkv(int64_t tensor, int64_t step, bool one_tensor) const {
    const int64_t d = shape_.head_dim;
    const Interval heads = part(shape_.heads, cut_.tensor, cut_.tensor_rank);
    const int64_t k_begin = one_tensor ? shape_.heads * d : 0;
    const int64_t v_begin = one_tensor ? k_begin + shape_.kv_heads * d : 0;
    std::vector<Segment> parts{rows(tensor, {heads.begin * d, heads.end * d})};
    add_kv(parts, one_tensor ? tensor : tensor + step, k_begin);
    add_kv(parts, one_tensor ? tensor : tensor + 2 * step, v_begin);
    return parts;
  }

  /// The rows of the first MLP product: [up] or, for SwiGLU, [gate; up].
  std::vector<Segment> mlp_in(int64_t tensor, int64_t step, bool one_tensor) const {
    const Interval ffn = part(shape_.ffn, cut_.tensor, cut_.tensor_rank);
    if (shape_.activation != Activation::swiglu) return {rows(tensor, ffn)};
    const int64_t shift = one_tensor ? shape_.ffn : 0;
    return {rows(tensor, ffn), rows(one_tensor ? tensor : tensor + step, {ffn.begin + shift, ffn.end + shift})};
  }

  UnitParameters take() { return std::move(table_); }
  const std::vector<TensorInfo>& tensors() const { return table_.tensors; }
  int64_t append(TensorInfo tensor) {
    table_.tensors.push_back(std::move(tensor));
    return static_cast<int64_t>(table_.tensors.size()) - 1;
  }

 private:
  /// This rank's KV heads of a tensor in which they begin at row `first`: one segment, or one a copy.
  void add_kv(std::vector<Segment>& parts, int64_t tensor, int64_t first) const {
    const int64_t d = shape_.head_dim;
    const auto [local, copies, ranks] = kv_copies(shape_, cut_.tensor);
    const auto rows_of = [&](Interval kv) { return Interval{first + kv.begin * d, first + kv.end * d}; };
    if (copies == 1) return parts.push_back(rows(tensor, rows_of(part(shape_.kv_heads, cut_.tensor, cut_.tensor_rank))));
    const Interval shared = part(shape_.kv_heads, cut_.tensor / ranks, cut_.tensor_rank / ranks);
    for (int64_t copy = cut_.tensor_rank * local; copy < (cut_.tensor_rank + 1) * local; ++copy) {
      Segment segment = rows(tensor, rows_of({copy / copies, copy / copies + 1}));
      segment.partial = Partial::kv_copies;
      segment.shared_rows = rows_of(shared);
      segment.owned = copy % copies == 0;
      parts.push_back(segment);
    }
  }

  const ModelShape& shape_;
  const Cut& cut_;
  UnitParameters table_;
};

void build_embedding(Builder& builder, const ModelShape& shape, const Cut& cut) {
  builder.add(Role::token_embedding, {builder.split_rows(0)}, vocabulary_rows(shape.vocab, cut.tensor));
  if (shape.positions == Positions::learned) builder.add(Role::position_embedding, {builder.replicated(1, /*sliced=*/true)});
}

void build_block(Builder& builder, const ModelShape& shape, const Cut& cut) {
  const bool gpt = shape.family == Family::gpt, layernorm = shape.norm == Norm::layernorm;
  const int64_t bias = shape.bias ? 1 : 0, linear = 1 + bias;  // tensors of a linear layer
  const Interval heads = part(shape.heads, cut.tensor, cut.tensor_rank);
  const Interval query{heads.begin * shape.head_dim, heads.end * shape.head_dim};
  int64_t next = 0;
  auto norm = [&](Role weight, Role norm_bias) {
    builder.add(weight, {builder.replicated(next++, true)});
    if (layernorm) builder.add(norm_bias, {builder.replicated(next++, true)});
  };
  auto row_linear = [&](Role weight, Role linear_bias, Interval columns) {
    builder.add(weight, {builder.split_columns(next, columns)});
    if (shape.bias) builder.add(linear_bias, {builder.replicated(next + 1, true)});
    next += linear;
  };

  norm(Role::attention_norm_weight, Role::attention_norm_bias);
  builder.add(Role::qkv_weight, builder.qkv(next, linear, gpt));
  if (shape.bias) builder.add(Role::qkv_bias, builder.qkv(next + 1, linear, gpt));
  next += gpt ? linear : 3 * linear;
  row_linear(Role::attention_out_weight, Role::attention_out_bias, query);

  norm(Role::mlp_norm_weight, Role::mlp_norm_bias);
  builder.add(Role::mlp_in_weight, builder.mlp_in(next, linear, gpt));
  if (shape.bias) builder.add(Role::mlp_in_bias, builder.mlp_in(next + 1, linear, gpt));
  next += !gpt && shape.activation == Activation::swiglu ? 2 * linear : linear;
  row_linear(Role::mlp_out_weight, Role::mlp_out_bias, part(shape.ffn, cut.tensor, cut.tensor_rank));
  assert(next == static_cast<int64_t>(builder.tensors().size()));
}

void build_head(Builder& builder, const ModelShape& shape, const Cut& cut) {
  const int64_t stored = vocabulary_rows(shape.vocab, cut.tensor);
  builder.add(Role::final_norm_weight, {builder.replicated(0, true)});
  if (shape.norm == Norm::layernorm) builder.add(Role::final_norm_bias, {builder.replicated(1, true)});
  if (!shape.tie_embeddings) {
    builder.add(Role::output_projection, {builder.split_rows(static_cast<int64_t>(builder.tensors().size()) - 1)}, stored);
  } else if (cut.stages > 1) {
    Segment copy = builder.split_rows(builder.append(unit_tensors(shape, {UnitKind::embedding, 0})[0]));
    copy.owned = false;  // the first stage owns it
    builder.add(Role::output_projection, {copy}, stored);
  }
}

}  // namespace

UnitParameters unit_parameters(const ModelShape& shape, const UnitId& unit, const Cut& cut) {
  Builder builder(shape, unit, cut);
  switch (unit.kind) {
    case UnitKind::embedding:
      build_embedding(builder, shape, cut);
      break;
    case UnitKind::block:
      build_block(builder, shape, cut);
      break;
    case UnitKind::head:
      build_head(builder, shape, cut);
      break;
  }
  return builder.take();
}

}  // namespace llmrun
