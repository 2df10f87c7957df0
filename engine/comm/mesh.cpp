#include "engine/comm/mesh.h"

#include <algorithm>
#include <numeric>

#include "engine/core/error.h"

namespace llmrun {
namespace {

/// The group of a rank along some axes is called by its lowest rank.
int color_of(const Layout& layout, int64_t rank, const std::vector<Axis>& axes) {
  return static_cast<int>(group(layout, rank, axes).front());
}

/// First and last stage of one pipeline share a color; a rank between them has one of its own, past those of the others.
int tied_color(const Layout& layout, const Coordinates& where, int64_t rank) {
  const bool at_an_end = where.pipeline == 0 || where.pipeline == layout.pipeline - 1;
  return at_an_end ? color_of(layout, rank, {Axis::pipeline}) : static_cast<int>(layout.ranks() + rank);
}

/// Consecutive tensor ranks hold copies of the same KV heads where the axis does not divide them (KvCopies::ranks).
int kv_color(const Layout& layout, const Coordinates& where, int64_t rank, int64_t kv_heads) {
  return static_cast<int>(rank - where.tensor % (layout.tensor / std::gcd(layout.tensor, kv_heads)));
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
  const auto split = [&](int color, const char* name, Purpose purpose) {
    auto part = world_->split(color, static_cast<int>(rank), name, purpose);
    part->barrier();  // the first call opens connections: here, not inside the first step
    part->count_into(traffic);
    return part;
  };
  const auto along = [&](const std::vector<Axis>& axes) { return color_of(layout, rank, axes); };
  tensor_ = split(along({Axis::tensor}), "tensor", Purpose::tensor);
  sequence_ = split(along({Axis::sequence}), "sequence", Purpose::sequence);
  context_ = split(along({Axis::context}), "context", Purpose::context);
  data_ = split(along({Axis::data}), "data", Purpose::data);
  pipeline_ = split(along({Axis::pipeline}), "pipeline", Purpose::pipeline);
  const std::vector<int64_t> sharing = group(layout, rank, {Axis::data, Axis::context, Axis::sequence});
  const int64_t place = std::find(sharing.begin(), sharing.end(), rank) - sharing.begin(), in_shards = place % shard_ranks;
  shards_ = split(static_cast<int>(sharing[static_cast<size_t>(place - in_shards)]), "shards", Purpose::data);
  replicas_ = split(static_cast<int>(sharing[static_cast<size_t>(in_shards)]), "replicas", Purpose::data);
  tied_ = split(tied_color(layout, where_, rank), "tied", Purpose::pipeline);
  kv_copies_ = split(kv_color(layout, where_, rank, kv_heads), "kv_copies", Purpose::tensor);
  world_->count_into(traffic);
}

void Mesh::abort() noexcept { world_->abort(); }

}  // namespace llmrun
