#include "engine/comm/mesh.h"

#include <algorithm>
#include <numeric>

#include "engine/core/error.h"

namespace llmrun {
namespace {

/// First and last stage of one pipeline; a rank between them is alone.
std::vector<int64_t> tied_group(const Layout& layout, const Coordinates& where, int64_t rank) {
  const std::vector<int64_t> stages = group(layout, rank, {Axis::pipeline});
  const bool at_an_end = where.pipeline == 0 || where.pipeline == layout.pipeline - 1;
  if (!at_an_end || stages.size() == 1) return {rank};
  return {stages.front(), stages.back()};
}

/// Consecutive tensor ranks hold copies of the same KV heads where the axis does not divide them (KvCopies::ranks).
std::vector<int64_t> kv_group(const Layout& layout, const Coordinates& where, int64_t rank, int64_t kv_heads) {
  std::vector<int64_t> ranks(static_cast<size_t>(layout.tensor / std::gcd(layout.tensor, kv_heads)));
  std::iota(ranks.begin(), ranks.end(), rank - where.tensor % std::ssize(ranks));
  return ranks;
}

}  // namespace

Mesh::Mesh(std::shared_ptr<Communicator> world, const Layout& layout, int64_t kv_heads, int64_t shard_ranks)
    : layout_(layout), where_(coordinates(layout, world->rank())), world_(std::move(world)) {
  if (world_->size() != layout.ranks()) {
    throw Error(Exit::failed, "the layout has {} ranks and the world {}", layout.ranks(), world_->size());
  }
  const auto traffic = world_->traffic() ? world_->traffic() : std::make_shared<Traffic>();
  world_->count_into(nullptr);  // wiring is not traffic of the run
  const int64_t rank = world_->rank();
  // Arithmetic tells every rank who belongs to whom: no rank asks another.
  const auto make = [&](std::vector<int64_t> ranks, const char* name, Purpose purpose) {
    auto part = world_->split({ranks.begin(), ranks.end()}, name, purpose);
    part->barrier();  // the first call opens connections: here, not inside the first step
    part->count_into(traffic);
    return part;
  };
  const auto along = [&](Axis axis, const char* name, Purpose purpose) { return make(group(layout, rank, {axis}), name, purpose); };
  tensor_ = along(Axis::tensor, "tensor", Purpose::tensor);
  sequence_ = along(Axis::sequence, "sequence", Purpose::sequence);
  context_ = along(Axis::context, "context", Purpose::context);
  data_ = along(Axis::data, "data", Purpose::data);
  pipeline_ = along(Axis::pipeline, "pipeline", Purpose::pipeline);
  const std::vector<int64_t> sharing = group(layout, rank, {Axis::data, Axis::context, Axis::sequence});
  const int64_t place = std::find(sharing.begin(), sharing.end(), rank) - sharing.begin();
  std::vector<int64_t> shards, replicas;
  for (int64_t other = 0; other < std::ssize(sharing); ++other) {
    if (other / shard_ranks == place / shard_ranks) shards.push_back(sharing[static_cast<size_t>(other)]);
    if (other % shard_ranks == place % shard_ranks) replicas.push_back(sharing[static_cast<size_t>(other)]);
  }
  shards_ = make(std::move(shards), "shards", Purpose::data);
  replicas_ = make(std::move(replicas), "replicas", Purpose::data);
  tied_ = make(tied_group(layout, where_, rank), "tied", Purpose::pipeline);
  kv_copies_ = make(kv_group(layout, where_, rank, kv_heads), "kv_copies", Purpose::tensor);
  world_->count_into(traffic);
}

void Mesh::abort() noexcept { world_->abort(); }

}  // namespace llmrun
