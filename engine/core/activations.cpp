#include "engine/core/activations.h"

#include <algorithm>

#include "engine/core/memory.h"
#include "engine/core/parameters.h"
#include "engine/core/recompute.h"
#include "engine/core/sequence_slice.h"

namespace llmrun {
namespace {

constexpr int64_t kFp32 = 4;

KeptActivations of_block(const ModelShape& shape, const Layout& layout, const RowBytes& sizes, Recompute how, int64_t tensor_rank) {
  const LocalHeads heads = local_heads(shape, layout);
  const int64_t head = sizes.tokens * shape.head_dim * sizes.element;  // one head of every token
  const int64_t qkv = (heads.query + 2 * heads.exchanged_kv) * head;
  const int64_t result = heads.query * head;                             // of attention
  const int64_t exchanged = layout.sequence_size > 1 ? result : 0;       // and as it was before the exchange
  const int64_t again = exchanged + heads.query * sizes.tokens * kFp32;  // with its log-sum-exp
  const int64_t ffn = part(shape.ffn, layout.tensor, tensor_rank).size() * (shape.activation == Activation::swiglu ? 2 : 1);
  const int64_t mlp_in = sizes.tokens * ffn * sizes.element;

  const int64_t products = result + mlp_in + 2 * sizes.row;  // the inputs of the products: attention, mlp_in, two norms
  KeptActivations kept;
  kept.before_backward = 2 * sizes.row + 2 * sizes.statistics + qkv + again + products;
  kept.after_forward = kept.before_backward;
  if (how == Recompute::selective) kept.after_forward -= again + result + 2 * sizes.row;
  if (how == Recompute::full) kept.after_forward = sizes.row;
  kept.after_backward_input = products + 2 * sizes.whole + mlp_in + (heads.query + 2 * heads.kv) * head;
  return kept;
}

}  // namespace

RowBytes::RowBytes(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train)
    : element(element_bytes(train.precision)), tokens(train.micro_batch * slice_tokens(train.seq_len, layout)) {
  const int64_t slices = slices_tokens(parallel) ? layout.tensor : 1;
  whole = tokens * shape.hidden * element;
  row = tokens / slices * shape.hidden * element;
  statistics = tokens / slices * (shape.norm == Norm::layernorm ? 2 : 1) * kFp32;
}

KeptActivations kept_activations(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                                 const UnitId& unit, Recompute how, int64_t tensor_rank) {
  const RowBytes sizes(shape, layout, parallel, train);
  switch (unit.kind) {
    case UnitKind::embedding:
      return {0, 0, sizes.row};
    case UnitKind::block:
      return of_block(shape, layout, sizes, how, tensor_rank);
    case UnitKind::head:  // its input, and the gradient that the loss has made already
      const int64_t kept = sizes.row + sizes.whole + sizes.statistics;
      return {kept, kept, 0};
  }
  return {};
}

int64_t peak_activations(const ModelShape& shape, const Layout& layout, const ParallelConfig& parallel, const TrainConfig& train,
                         const std::vector<StageAction>& actions, int64_t rank) {
  using Kind = StageAction::Kind;
  const Coordinates where = coordinates(layout, rank);
  const PipelinePlacement placement = pipeline_placement(layout, parallel);
  const std::vector<Recompute> how = unit_recompute(stage_units(shape, placement, where.pipeline, parallel.layers_per_stage), parallel);
  std::vector<std::vector<KeptActivations>> chunks;
  size_t unit = 0;
  for (const auto& chunk : stage_chunks(shape, placement, where.pipeline, parallel.layers_per_stage)) {
    chunks.emplace_back();
    for (const UnitId& id : chunk) chunks.back().push_back(kept_activations(shape, layout, parallel, train, id, how[unit++], where.tensor));
  }

  int64_t now = 0, peak = 0;
  for (const StageAction& action : actions) {
    const std::vector<KeptActivations>& units = chunks[static_cast<size_t>(action.chunk)];
    if (action.kind == Kind::forward)
      for (const KeptActivations& kept : units) now += kept.after_forward;
    if (action.kind == Kind::backward_weight)
      for (const KeptActivations& kept : units) now -= kept.after_backward_input;
    peak = std::max(peak, now);
    if (action.kind != Kind::backward && action.kind != Kind::backward_input) continue;
    for (auto kept = units.rbegin(); kept != units.rend(); ++kept) {
      now += kept->before_backward - kept->after_forward;
      peak = std::max(peak, now);
      now -= kept->before_backward;
      if (action.kind == Kind::backward_input) peak = std::max(peak, now += kept->after_backward_input);
    }
  }
  return peak;
}

}  // namespace llmrun
