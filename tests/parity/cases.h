#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/core/pipeline/placement.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// What of a golden run decides which cases can exist.
struct GoldenSize {
  int64_t global_batch = 8;
  int64_t seq_len = 64;
  int64_t layers = 4;
  int64_t heads = 4;
};

/// One way to run the golden model: a layout and every other switch that must not change a number.
struct ParityCase {
  Layout layout;
  SequenceParallel sequence = SequenceParallel::none;
  int64_t zero = 0;
  std::optional<int64_t> shard_group = std::nullopt;
  int64_t micro_batch = 2;
  Recompute recompute = Recompute::none;
  std::optional<int64_t> recompute_layers = std::nullopt;  // of a stage; none: all
  AttentionKind attention = AttentionKind::flash;
  bool uneven_stages = false;  // one layer less on the first part of the pipeline, one more on the last
  Schedule schedule = Schedule::one_f_one_b;
  std::vector<Offload> offload = {};

  std::string offload_list() const;  // [optimizer,activations]
  std::string name() const;
  /// The same case for `llmrun train`: "--ranks 4 --set parallel.tensor=2 ...".
  std::string arguments(int64_t layers) const;
  bool can_exist(const GoldenSize& size) const;
  PipelinePlacement placement() const;
  std::vector<int64_t> layers_per_stage(int64_t layers) const;  // empty: even
};

/// The layouts of tensor, pipeline and data in {1, 2, 4} with at most 8 ranks: 17.
std::vector<Layout> golden_layouts();

/// Cases over golden_layouts() in which every pair of values of any two switches (the layout is one) that can exist occurs.
std::vector<ParityCase> pairwise_cases(const GoldenSize& size);

/// `count` different cases of 2 to 12 ranks, drawn by `seed` from the products of every axis by ones, twos, threes and fours with every
/// switch. At least one axis of each splits the sequence.
std::vector<ParityCase> sampled_cases(const GoldenSize& size, size_t count, uint64_t seed);

/// Layouts by threes, fives and sixes, for shapes that nothing divides; those that `heads` attention heads can be cut for.
std::vector<ParityCase> odd_cases(int64_t heads);

/// Every product that can exist.
std::vector<ParityCase> all_cases(const GoldenSize& size);

}  // namespace llmrun
