#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "engine/comm/gpu.h"
#include "engine/core/command_line/bench_step_options.h"
#include "engine/core/json.h"
#include "engine/rank/commands.h"
#include "engine/rank/device.h"
#include "engine/rank/gpu_peak.h"
#include "engine/train/bench_step.h"

namespace llmrun::rank {
namespace {

/// The device, ready.
at::Device prepare(const BenchStepArguments& arguments) {
  const bool gpu = has_gpu_driver() && visible_gpus().count > 0;
  const DeviceNeeds needs{arguments.device.value_or(gpu ? Device::cuda : Device::cpu), arguments.precision, arguments.attention,
                          arguments.deterministic};
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

int bench(const BenchStepArguments& arguments, bool as_json) {
  const at::NoGradGuard no_grad;
  const at::Device place = prepare(arguments);
  const std::string device = place.is_cpu() ? "cpu" : gpu_name(place.index());
  if (arguments.threads > 0) at::set_num_threads(arguments.threads);
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

}  // namespace

void add_bench(CLI::App& app, int& exit_code) {
  auto arguments = std::make_shared<BenchStepArguments>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("bench", "Measure the trainer on this machine")->require_subcommand(1);
  add_bench_comm(*command, exit_code);
  CLI::App* step = command->add_subcommand("step", "Time one rank's training step on tokens made by seed");
  add_bench_step_options(*step, *arguments);
  step->add_flag("--json", *as_json, "One object on one line");
  step->callback([=, &exit_code] {
    check_bench_step(*arguments);
    exit_code = bench(*arguments, *as_json);
  });
}

}  // namespace llmrun::rank
