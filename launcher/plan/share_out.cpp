#include "launcher/plan/share_out.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/parameters.h"
#include "engine/core/sequence_slice.h"

namespace llmrun {
namespace {

/// The one that changes `number` by the smaller factor.
int64_t nearest_multiple(int64_t number, int64_t step) {
  if (number % step == 0) return number;
  const auto [below, above] = multiples_around(number, step);
  const auto exact = static_cast<double>(number);
  return exact * exact < static_cast<double>(below) * static_cast<double>(above) ? below : above;
}

/// Of `parallel.virtual_pipeline`, as many chunks as the schedule is made for, `most` where it takes any number.
int64_t good_chunks(const ParallelConfig& parallel, int64_t most) {
  if (parallel.schedule == Schedule::interleaved) return std::clamp<int64_t>(parallel.virtual_pipeline, 2, std::max<int64_t>(2, most));
  return std::min<int64_t>(parallel.virtual_pipeline, parallel.schedule == Schedule::zero_bubble_v ? 2 : 1);
}

/// A split of as many parts, in the proportions of `split`; none (as even as can be) where that fits no better.
std::vector<int64_t> good_split(const std::vector<int64_t>& split, int64_t layers, int64_t parts) {
  const auto whole = static_cast<double>(std::accumulate(split.begin(), split.end(), int64_t{0}));
  if (std::ssize(split) != parts || whole == 0) return {};
  std::vector<int64_t> fitted;
  double before = 0;
  int64_t given = 0;
  for (size_t part = 0; part < split.size(); ++part) {
    before += static_cast<double>(split[part]);
    fitted.push_back(std::llround(static_cast<double>(layers) * before / whole) - given);
    given += fitted.back();
    const bool inner = part > 0 && part + 1 < split.size();
    if (inner && fitted.back() == 0) return {};
  }
  return fitted;
}

}  // namespace

Multiples multiples_around(int64_t number, int64_t step) {
  const int64_t below = number / step * step;
  return {below, below + step};
}

int64_t divisor_below(int64_t number, int64_t most) {
  while (number % most != 0) --most;
  return most;
}

int64_t micro_batch_step(const ParallelConfig& parallel, const Layout& layout) {
  return parallel.schedule == Schedule::interleaved ? layout.pipeline : 1;
}

int64_t batch_step(const Config& config, const Layout& layout) {
  return layout.data * config.train.micro_batch * micro_batch_step(config.parallel, layout);
}

int64_t length_step(const Config& config, const Layout& layout) {
  const int64_t multiple = sequence_multiple(layout);
  if (!slices_tokens(config.parallel)) return multiple;
  const int64_t sliced = layout.tensor / std::gcd(layout.tensor, config.train.micro_batch);
  return std::lcm(multiple, layout.context * layout.sequence_size * sliced);
}

int64_t good_length(const Config& config, const Layout& layout) {
  const int64_t step = length_step(config, layout), seq_len = config.train.seq_len;
  if (seq_len % step == 0) return seq_len;
  const auto [less, more] = multiples_around(seq_len, step);
  const ModelShape shape = model_shape(config.model, seq_len);
  return shape.positions == Positions::rotary || more <= shape.max_positions || less == 0 ? more : less;
}

int64_t most_layers(int64_t layers, const PipelinePlacement& placement, const std::vector<int64_t>& split) {
  if (!split.empty() && std::ssize(split) != placement.parts()) return layers;  // check_stages has its say
  std::vector<int64_t> stages(static_cast<size_t>(placement.stages));
  for (int64_t part = 0; part < placement.parts(); ++part)
    stages[static_cast<size_t>(placement.stage_of(part))] += part_layers(layers, placement.parts(), part, split).size();
  return *std::max_element(stages.begin(), stages.end());
}

void share_out(Config& config, const Layout& layout) {
  TrainConfig& train = config.train;
  ParallelConfig& parallel = config.parallel;
  train.seq_len = good_length(config, layout);
  const int64_t layers = config.model.layers;
  std::vector<int64_t>& split = parallel.layers_per_stage;
  parallel.virtual_pipeline = good_chunks(parallel, parallel.virtual_pipeline);
  split = good_split(split, layers, pipeline_placement(layout, parallel).parts());
  if (split.empty()) parallel.virtual_pipeline = good_chunks(parallel, layers / layout.pipeline);
  if (std::optional<int64_t>& again = parallel.recompute_layers)
    again = std::min(*again, most_layers(layers, pipeline_placement(layout, parallel), split));
  if (std::optional<int64_t>& group = parallel.shard_group) {
    group = divisor_below(gradient_ranks(layout), *group);
    if (group == 1 || parallel.zero == 0) group.reset();  // it would divide nothing
  }
  if (train.global_batch) {
    train.global_batch = nearest_multiple(*train.global_batch, batch_step(config, layout));
    if (train.accumulate) train.accumulate = *train.global_batch / (layout.data * train.micro_batch);
  } else if (const int64_t step = micro_batch_step(parallel, layout); train.accumulate.value_or(1) % step != 0) {
    train.accumulate = nearest_multiple(train.accumulate.value_or(1), step);
  }
}

}  // namespace llmrun
