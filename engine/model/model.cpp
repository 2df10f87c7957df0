#include "engine/model/model.h"

#include "engine/core/memory.h"
#include "engine/core/recompute.h"
#include "engine/core/sequence_slice.h"
#include "engine/core/step_traffic.h"
#include "engine/model/block.h"

namespace llmrun {
namespace {

UnitContext make_context(const ModelOptions& options, const Mesh& mesh) {
  UnitContext context{options.shape,
                      &mesh,
                      TensorRegion(mesh.tensor(), slices_tokens(options.parallel)),
                      options.attention == AttentionKind::automatic ? AttentionKind::flash : options.attention,
                      {},
                      options.seed,
                      0};
  if (options.shape.positions == Positions::rotary)
    context.rotary = make_rotary(std::max(options.shape.max_positions, options.seq_len), options.shape.head_dim, options.shape.rope_theta,
                                 options.shape.rope_scaling, at::TensorOptions().device(options.device));
  context.loss_chunk =
      loss_chunk(options.micro_batch * slice_tokens(options.seq_len, mesh.layout()), options.shape.vocab, mesh.tensor().size());
  return context;
}

}  // namespace

at::ScalarType compute_dtype(Precision precision) {
  switch (precision) {
    case Precision::bf16:
      return at::kBFloat16;
    case Precision::fp16:
      return at::kHalf;
    case Precision::fp32:
    case Precision::fp8:
      break;
  }
  return at::kFloat;
}

Model::Model(const ModelOptions& options, const Mesh& mesh) : context_(make_context(options, mesh)) {
  const Layout& layout = mesh.layout();
  const int64_t tokens = options.micro_batch * slice_tokens(options.seq_len, layout);
  stage_.mesh = &mesh;
  stage_.tokens_local = context_.region.sequence_parallel() ? tokens / layout.tensor : tokens;
  stage_.hidden = options.shape.hidden;
  stage_.dtype = compute_dtype(options.precision);
  stage_.device = options.device;

  stage_.placement = pipeline_placement(layout, options.parallel);

  const Cut cut = cut_of(layout, options.parallel, mesh.where());
  const int64_t shards = mesh.shards().size();
  std::shared_ptr<UnitBuffers> embedding_buffers;
  const auto add = [&](const UnitId& id) {
    auto buffers = std::make_shared<UnitBuffers>(unit_parameters(options.shape, id, cut), shards, stage_.dtype, options.device);
    switch (id.kind) {
      case UnitKind::embedding: {
        auto unit = std::make_unique<Embedding>(context_, embedding_buffers = buffers);
        embedding_ = unit.get();
        stage_.units.push_back(std::move(unit));
        break;
      }
      case UnitKind::block:
        stage_.units.push_back(std::make_unique<Block>(context_, buffers));
        break;
      case UnitKind::head: {
        const bool borrows = options.shape.tie_embeddings && embedding_buffers != nullptr;
        auto unit = std::make_unique<Head>(context_, buffers, borrows ? embedding_buffers : buffers);
        head_ = unit.get();
        stage_.units.push_back(std::move(unit));
        break;
      }
    }
    states_.emplace_back(buffers, mesh, options.parallel, keeps_whole_gradients(options.shape, stage_.placement, id));
  };
  std::vector<UnitId> ids;
  for (const auto& chunk : stage_chunks(options.shape, stage_.placement, mesh.where().pipeline, options.parallel.layers_per_stage)) {
    const int64_t begin = std::ssize(stage_.units);
    for (const UnitId& id : chunk) add(ids.emplace_back(id));
    stage_.chunks.push_back({begin, std::ssize(stage_.units)});
  }
  stage_.recompute = unit_recompute(ids, options.parallel);
  stage_.offloads_activations = options.parallel.offloads(Offload::activations);
  for (size_t i = 0; i < states_.size(); ++i) {
    const bool borrows = stage_.units[i].get() == head_ && options.shape.tie_embeddings && embedding_ != nullptr;
    stage_.states.push_back({&states_[i], borrows ? &states_.front() : nullptr});
  }
}

void Model::reduce_gradients() {
  reduce_tied();
  for (ShardedState& state : states_) state.reduce();
}

void Model::reduce_tied() {
  const bool has_one_end = (embedding_ != nullptr) != (head_ != nullptr);
  if (!context_.shape.tie_embeddings || !has_one_end) return;
  UnitBuffers& buffers = embedding_ != nullptr ? embedding_->buffers() : head_->buffers();
  stage_.mesh->tied().all_reduce(buffers.gradient(embedding_ != nullptr ? Role::token_embedding : Role::output_projection)).wait();
}

void Model::publish() {
  for (ShardedState& state : states_) state.publish();
}

void Model::zero_gradients() {
  for (ShardedState& state : states_) state.zero_gradients();
}

}  // namespace llmrun
