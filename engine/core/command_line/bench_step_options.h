#pragma once
#include <CLI/CLI.hpp>
#include <optional>

#include "engine/core/plan.h"

namespace llmrun {

/// What `bench step` and `bench ops` take: the model, and how it is measured. `llmrun` parses it for help, manual and completion, and
/// `llmrun-rank` to do the work: one declaration for both.
struct BenchStepArguments {
  ModelConfig model{.layers = 8, .hidden = 512, .heads = 8, .vocab = 8192};
  int64_t kv_heads = 0;  // 0: heads
  int64_t ffn = 0;       // 0: 4 x hidden
  int64_t seq_len = 512;
  int64_t micro_batch = 4;
  Precision precision = Precision::fp32;
  AttentionKind attention = AttentionKind::automatic;
  Recompute recompute = Recompute::none;
  std::optional<Device> device;  // cuda where a GPU answers, else cpu
  bool deterministic = false;
  int threads = 0;  // 0: all
  int64_t steps = 5;
  int64_t warmup = 2;
  double peak_tflops = 0;  // 0: known for some GPUs
};

void add_bench_step_options(CLI::App& command, BenchStepArguments& arguments);
void add_bench_ops_options(CLI::App& command, BenchStepArguments& arguments);  // without recompute and MFU

/// Throws Error(Exit::usage) where the sizes make no model.
void check_bench_step(const BenchStepArguments& arguments);

}  // namespace llmrun
