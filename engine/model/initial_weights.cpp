#include "engine/model/initial_weights.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "engine/core/philox.h"

namespace llmrun {
namespace {

/// Elements [begin, end) of a box, row-major, into `out`. Philox makes four normals at a time: element e is number e % 4 of block e / 4.
void fill_normal(float* out, const TensorInfo& tensor, const Box& box, Interval inside, uint64_t seed) {
  const uint64_t stream = stream_named(tensor.name);
  const int64_t width = box.columns.size();
  const float std = static_cast<float>(tensor.init_std);
  at::parallel_for(inside.begin, inside.end, 1 << 14, [&](int64_t begin, int64_t end) {
    uint64_t block = UINT64_MAX;
    std::array<float, 4> normals{};
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = box.rows.begin + i / width, column = box.columns.begin + i % width;
      const auto element = static_cast<uint64_t>(row * tensor.columns + column);
      if (element / 4 != block) {
        block = element / 4;
        normals = philox_normal(philox(seed, stream, block));
      }
      out[i - inside.begin] = std * normals[element % 4];
    }
  });
}

}  // namespace

void initialise(ShardedState& state, uint64_t seed) {
  const UnitParameters& table = state.buffers().table();
  at::Tensor weights = state.master().to(at::kCPU);  // the master itself on a CPU
  const Interval shard = state.shard();
  for (const Segment& segment : table.segments) {
    const Interval held{std::max(segment.offset, shard.begin), std::min(segment.offset + segment.elements(), shard.end)};
    if (held.begin >= held.end) continue;
    const TensorInfo& tensor = table.tensors[segment.tensor];
    float* out = weights.mutable_data_ptr<float>() + (held.begin - shard.begin);
    switch (tensor.init) {
      case Init::zeros:
        std::fill_n(out, held.size(), 0.0F);
        break;
      case Init::ones:
        std::fill_n(out, held.size(), 1.0F);
        break;
      case Init::normal:
        fill_normal(out, tensor, segment.box, {held.begin - segment.offset, held.end - segment.offset}, seed);
        break;
    }
  }
  if (!weights.is_same(state.master())) state.master().copy_(weights);
}

}  // namespace llmrun
