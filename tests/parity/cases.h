#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/core/pipeline/placement.h"
#include "engine/core/spec/config.h"

namespace llmrun {

/// One way to run the golden model: a layout and every other switch that must not change a number.
struct ParityCase {
  Layout layout;
  SequenceParallel sequence = SequenceParallel::none;
  int64_t zero = 0;
  int64_t micro_batch = 2;
  Recompute recompute = Recompute::none;
  AttentionKind attention = AttentionKind::flash;
  bool uneven_stages = false;  // one layer less on the first part of the pipeline, one more on the last
  Schedule schedule = Schedule::one_f_one_b;

  std::string name() const;
  /// The same case for `llmrun train`: "--ranks 4 --set parallel.tensor=2 ...".
  std::string arguments() const;
  bool can_exist(int64_t global_batch) const;
  PipelinePlacement placement() const;
  std::vector<int64_t> layers_per_stage(int64_t layers) const;  // empty: even
};

/// The layouts of tensor, pipeline and data in {1, 2, 4} with at most 8 ranks: 17.
std::vector<Layout> golden_layouts();

/// Cases over golden_layouts() in which every pair of values of any two switches (the layout is one) that can exist occurs.
std::vector<ParityCase> pairwise_cases(int64_t global_batch);

/// Layouts by threes, fives and sixes, for shapes that nothing divides; those that `heads` attention heads can be cut for.
std::vector<ParityCase> odd_cases(int64_t heads);

/// Every product that can exist.
std::vector<ParityCase> all_cases(int64_t global_batch);

}  // namespace llmrun
