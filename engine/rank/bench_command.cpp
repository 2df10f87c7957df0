#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include <map>
#include <optional>

#include "engine/comm/gpu.h"
#include "engine/core/json.h"
#include "engine/rank/commands.h"
#include "engine/rank/device.h"
#include "engine/rank/gpu_peak.h"
#include "engine/train/bench_step.h"

namespace llmrun::rank {
namespace {

struct BenchStepArguments {
  ModelConfig model;
  int64_t kv_heads = 0;  // 0: heads
  int64_t ffn = 0;       // 0: 4 x hidden
  BenchStepOptions options;
  std::optional<Device> device;  // cuda where a GPU answers, else cpu
  bool deterministic = false;
  int threads = 0;
  double peak_tflops = 0;
  bool json = false;
};

/// The device, ready, and its name.
std::string prepare(BenchStepArguments& arguments) {
  BenchStepOptions& options = arguments.options;
  const bool gpu = has_gpu_driver() && visible_gpus().count > 0;
  const DeviceNeeds needs{arguments.device.value_or(gpu ? Device::cuda : Device::cpu), options.precision, options.attention,
                          arguments.deterministic};
  options.device = prepare_device(needs, /*local_rank=*/0);
  return options.device.is_cpu() ? "cpu" : gpu_name(options.device.index());
}

int bench(BenchStepArguments arguments) {
  const at::NoGradGuard no_grad;
  const std::string device = prepare(arguments);
  if (arguments.peak_tflops == 0) arguments.peak_tflops = gpu_peak_tflops(device, arguments.options.precision);
  if (arguments.threads > 0) at::set_num_threads(arguments.threads);
  if (arguments.kv_heads > 0) arguments.model.kv_heads = arguments.kv_heads;
  if (arguments.ffn > 0) arguments.model.ffn = arguments.ffn;
  arguments.options.shape = model_shape(arguments.model, arguments.options.seq_len);
  const BenchStepResult result = bench_step(arguments.options);
  const json mfu = arguments.peak_tflops > 0 ? json(result.model_tflops / arguments.peak_tflops) : json(nullptr);
  const json mfu_causal = arguments.peak_tflops > 0 ? json(result.model_tflops_causal / arguments.peak_tflops) : json(nullptr);
  if (arguments.json) {
    const json out{{"tokens_per_s", result.tokens_per_s},
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
  arguments->model = {.layers = 8, .hidden = 512, .heads = 8, .vocab = 8192};
  CLI::App* command = app.add_subcommand("bench", "Measure the trainer on this machine")->require_subcommand(1);
  CLI::App* step = command->add_subcommand("step", "Time one rank's training step on tokens made by seed");
  ModelConfig& model = arguments->model;
  const std::map<std::string, Family> families{{"gpt", Family::gpt}, {"llama", Family::llama}};
  const std::map<std::string, Precision> precisions{{"fp32", Precision::fp32}, {"bf16", Precision::bf16}};
  const std::map<std::string, AttentionKind> attentions{{"auto", AttentionKind::automatic},
                                                        {"flash", AttentionKind::flash},
                                                        {"cudnn", AttentionKind::cudnn},
                                                        {"plain", AttentionKind::plain}};
  const std::map<std::string, Recompute> recomputes{{"none", Recompute::none}, {"full", Recompute::full}};
  step->add_option("--family", model.family, "gpt or llama")->transform(CLI::CheckedTransformer(families));
  step->add_option("--layers", model.layers)->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--hidden", model.hidden)->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--heads", model.heads)->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--kv-heads", arguments->kv_heads, "0: as many as heads")->capture_default_str()->check(CLI::NonNegativeNumber);
  step->add_option("--ffn", arguments->ffn, "0: 4 x hidden")->capture_default_str()->check(CLI::NonNegativeNumber);
  step->add_option("--vocab", model.vocab)->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--seq-len", arguments->options.seq_len)->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--micro-batch", arguments->options.micro_batch)->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--precision", arguments->options.precision, "fp32 or bf16")->transform(CLI::CheckedTransformer(precisions));
  step->add_option("--attention", arguments->options.attention, "auto, flash, cudnn or plain")
      ->transform(CLI::CheckedTransformer(attentions));
  step->add_option("--recompute", arguments->options.recompute, "none or full")->transform(CLI::CheckedTransformer(recomputes));
  const std::map<std::string, Device> device_names{{"cpu", Device::cpu}, {"cuda", Device::cuda}};
  step->add_option("--device", arguments->device, "cpu or cuda; without it cuda where a GPU answers")
      ->transform(CLI::CheckedTransformer(device_names));
  step->add_flag("--deterministic", arguments->deterministic, "Only operations that give equal bits on equal input");
  step->add_option("--threads", arguments->threads, "CPU threads; 0: all")->capture_default_str()->check(CLI::NonNegativeNumber);
  step->add_option("--steps", arguments->options.steps, "Measured, after --warmup")->capture_default_str()->check(CLI::PositiveNumber);
  step->add_option("--warmup", arguments->options.warmup)->capture_default_str()->check(CLI::NonNegativeNumber);
  step->add_option("--peak-tflops", arguments->peak_tflops, "Of the device in this precision, for MFU; 0: known for some GPUs")
      ->check(CLI::NonNegativeNumber);
  step->add_flag("--json", arguments->json, "One object on one line");
  step->callback([=, &exit_code] { exit_code = bench(*arguments); });
  add_bench_comm(*command, exit_code);
}

}  // namespace llmrun::rank
