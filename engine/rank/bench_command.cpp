#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "engine/comm/gpu.h"
#include "engine/core/command_line/bench_step_options.h"
#include "engine/core/json.h"
#include "engine/rank/commands.h"
#include "engine/rank/device.h"
#include "engine/rank/gpu_peak.h"
#include "engine/train/bench_ops.h"
#include "engine/train/bench_step.h"

namespace llmrun::rank {
namespace {

/// The device, ready.
at::Device prepare(const BenchStepArguments& arguments) {
  const bool gpu = has_gpu_driver() && visible_gpus().count > 0;
  const DeviceNeeds needs{arguments.device.value_or(gpu ? Device::cuda : Device::cpu), arguments.precision, arguments.attention,
                          arguments.deterministic};
  if (arguments.threads > 0) at::set_num_threads(arguments.threads);
  return prepare_device(needs, /*local_rank=*/0);
}

BenchStepOptions work_of(const BenchStepArguments& arguments, at::Device device) {
  ModelConfig model = arguments.model;
  if (arguments.kv_heads > 0) model.kv_heads = arguments.kv_heads;
  if (arguments.ffn > 0) model.ffn = arguments.ffn;
  return {.shape = model_shape(model, arguments.seq_len),
          .precision = arguments.precision,
          .attention = arguments.attention,
          .recompute = arguments.recompute,
          .seq_len = arguments.seq_len,
          .micro_batch = arguments.micro_batch,
          .warmup = arguments.warmup,
          .steps = arguments.steps,
          .device = device};
}

std::string name_of(at::Device device) { return device.is_cpu() ? "cpu" : gpu_name(device.index()); }

int step(const BenchStepArguments& arguments, bool as_json) {
  const at::NoGradGuard no_grad;
  const at::Device place = prepare(arguments);
  const std::string device = name_of(place);
  const double peak = arguments.peak_tflops > 0 ? arguments.peak_tflops : gpu_peak_tflops(device, arguments.precision);
  const BenchStepResult result = bench_step(work_of(arguments, place));
  const json mfu = peak > 0 ? json(result.model_tflops / peak) : json(nullptr);
  const json mfu_causal = peak > 0 ? json(result.model_tflops_causal / peak) : json(nullptr);
  if (as_json) {
    const json out{{"version", 1},
                   {"tokens_per_s", result.tokens_per_s},
                   {"mfu", mfu},
                   {"mfu_causal", mfu_causal},
                   {"step_time_s", result.median_s},
                   {"step_times_s", result.step_times_s},
                   {"mem_peak_bytes", result.mem_peak_bytes},
                   {"model_tflops", result.model_tflops},
                   {"model_tflops_causal", result.model_tflops_causal},
                   {"hardware_tflops", result.hardware_tflops},
                   {"parameters", result.parameters},
                   {"device", device},
                   {"threads", at::get_num_threads()}};
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print(
        "{}: {:.0f} tokens/s, {:.1f} ms a step (median of {}), {:.3f} TFLOPS (attention in full; {:.3f} by halves), {:.2f} GiB peak\n",
        device, result.tokens_per_s, 1e3 * result.median_s, result.step_times_s.size(), result.model_tflops, result.model_tflops_causal,
        static_cast<double>(result.mem_peak_bytes) / (1 << 30));
  }
  return 0;
}

/// What an operation does in a second, and how near that is to the best of its kind here.
struct Rate {
  double per_s = 0;
  double of_best = 0;
};

Rate rate_of(const OpTiming& op, const std::vector<OpTiming>& all) {
  const auto per_s = [](const OpTiming& one) { return (one.bytes > 0 ? static_cast<double>(one.bytes) : one.flops) / one.median_s; };
  double best = 0;
  for (size_t i = 0; i < all.size(); ++i)
    if (op.bytes > 0 ? i < kMemoryOps : all[i].bytes == 0) best = std::max(best, per_s(all[i]));
  return {per_s(op), per_s(op) / best};
}

int ops(const BenchStepArguments& arguments, bool as_json) {
  const at::NoGradGuard no_grad;
  const at::Device place = prepare(arguments);
  const std::vector<OpTiming> timings = bench_ops(work_of(arguments, place));
  json rows = json::array();
  for (const OpTiming& op : timings) {
    const auto [per_s, of_best] = rate_of(op, timings);
    const bool moves = op.bytes > 0;
    rows.push_back({{"op", op.name},
                    {"time_s", op.median_s},
                    {"bytes", op.bytes},
                    {"flops", op.flops},
                    {"gb_per_s", moves ? json(per_s / 1e9) : json(nullptr)},
                    {"tflops", moves ? json(nullptr) : json(per_s / 1e12)},
                    {"of_best", of_best}});
    if (!as_json)
      fmt::print("{:<30} {:>10.3f} ms  {:>9.3f} {}  {:>4.0f}% of the {}\n", op.name, 1e3 * op.median_s, per_s / (moves ? 1e9 : 1e12),
                 moves ? "GB/s  " : "TFLOPS", 100 * of_best, moves ? "memory" : "fastest product");
  }
  if (as_json)
    fmt::print("{}\n", json{{"version", 1}, {"device", name_of(place)}, {"threads", at::get_num_threads()}, {"ops", rows}}.dump());
  return 0;
}

void add(CLI::App& bench, const char* name, const char* does, void (*add_options)(CLI::App&, BenchStepArguments&),
         int (*run)(const BenchStepArguments&, bool), int& exit_code) {
  auto arguments = std::make_shared<BenchStepArguments>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = bench.add_subcommand(name, does);
  add_options(*command, *arguments);
  command->add_flag("--json", *as_json, "One object on one line");
  command->callback([=, &exit_code] {
    check_bench_step(*arguments);
    exit_code = run(*arguments, *as_json);
  });
}

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("bench", "Measure the trainer on this machine")->require_subcommand(1);
  add_bench_comm(*command, exit_code);
  add(*command, "step", "Time one rank's training step on tokens made by seed", add_bench_step_options, step, exit_code);
  add(*command, "ops", "Time each operation of a training step", add_bench_ops_options, ops, exit_code);
}

}  // namespace llmrun::rank
