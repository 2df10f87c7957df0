#include "engine/core/command_line/bench_step_options.h"

#include <map>

#include "engine/core/error.h"

namespace llmrun {
namespace {

void add_model(CLI::App& step, BenchStepArguments& arguments) {
  ModelConfig& model = arguments.model;
  const std::map<std::string, Family> families{{"gpt", Family::gpt}, {"llama", Family::llama}};
  step.add_option("--family", model.family, "Architecture; default gpt")->transform(CLI::CheckedTransformer(families));
  step.add_option("--layers", model.layers, "Transformer layers")->capture_default_str()->check(CLI::PositiveNumber);
  step.add_option("--hidden", model.hidden, "Width of the residual stream")->capture_default_str()->check(CLI::PositiveNumber);
  step.add_option("--heads", model.heads, "Attention heads")->capture_default_str()->check(CLI::PositiveNumber);
  step.add_option("--kv-heads", arguments.kv_heads, "0: as many as heads")->capture_default_str()->check(CLI::NonNegativeNumber);
  step.add_option("--ffn", arguments.ffn, "0: 4 x hidden")->capture_default_str()->check(CLI::NonNegativeNumber);
  step.add_option("--vocab", model.vocab, "Entries of the vocabulary")->capture_default_str()->check(CLI::PositiveNumber);
}

void add_work(CLI::App& step, BenchStepArguments& arguments) {
  const std::map<std::string, Precision> precisions{{"fp32", Precision::fp32}, {"bf16", Precision::bf16}, {"fp16", Precision::fp16}};
  const std::map<std::string, AttentionKind> attentions{{"auto", AttentionKind::automatic},
                                                        {"flash", AttentionKind::flash},
                                                        {"cudnn", AttentionKind::cudnn},
                                                        {"plain", AttentionKind::plain}};
  step.add_option("--seq-len", arguments.seq_len, "Tokens of a sequence")->capture_default_str()->check(CLI::PositiveNumber);
  step.add_option("--micro-batch", arguments.micro_batch, "Sequences of a step")->capture_default_str()->check(CLI::PositiveNumber);
  step.add_option("--precision", arguments.precision, "Of activations and matrix products; default fp32")
      ->transform(CLI::CheckedTransformer(precisions));
  step.add_option("--attention", arguments.attention, "Kernel; default auto")->transform(CLI::CheckedTransformer(attentions));
}

void add_measurement(CLI::App& step, BenchStepArguments& arguments) {
  const std::map<std::string, Device> devices{{"cpu", Device::cpu}, {"cuda", Device::cuda}};
  step.add_option("--device", arguments.device, "Without it cuda where a GPU answers")->transform(CLI::CheckedTransformer(devices));
  step.add_flag("--deterministic", arguments.deterministic, "Only operations that give equal bits on equal input");
  step.add_option("--threads", arguments.threads, "CPU threads; 0: all")->capture_default_str()->check(CLI::Range(0, 4096));
  step.add_option("--steps", arguments.steps, "Measured, after --warmup")->capture_default_str()->check(CLI::PositiveNumber);
  step.add_option("--warmup", arguments.warmup, "Steps before the measured ones")->capture_default_str()->check(CLI::NonNegativeNumber);
}

void add_whole_step(CLI::App& step, BenchStepArguments& arguments) {
  const std::map<std::string, Recompute> recomputes{
      {"none", Recompute::none}, {"selective", Recompute::selective}, {"full", Recompute::full}};
  step.add_option("--recompute", arguments.recompute, "What the backward pass computes again; default none")
      ->transform(CLI::CheckedTransformer(recomputes));
  step.add_option("--peak-tflops", arguments.peak_tflops, "Of the device in this precision, for MFU; 0: known for some GPUs")
      ->check(CLI::NonNegativeNumber);
}

}  // namespace

void add_bench_step_options(CLI::App& command, BenchStepArguments& arguments) {
  add_model(command, arguments);
  add_work(command, arguments);
  add_measurement(command, arguments);
  add_whole_step(command, arguments);
  command.footer(
      "Examples:\n  llmrun bench step --threads 2\n"
      "  llmrun bench step --family llama --layers 8 --hidden 512 --heads 8 --ffn 1408 --precision bf16 --json");
}

void add_bench_ops_options(CLI::App& command, BenchStepArguments& arguments) {
  add_model(command, arguments);
  add_work(command, arguments);
  add_measurement(command, arguments);
  command.footer(
      "Prints the time of a call (median), what it moves or computes in that time, and how near that is to the best here: to the memory's "
      "bandwidth, above which caches serve, or to the fastest product.\nExamples:\n"
      "  llmrun bench ops --threads 2\n"
      "  llmrun bench ops --family llama --hidden 1024 --heads 16 --ffn 2816 --precision bf16 --json");
}

void check_bench_step(const BenchStepArguments& arguments) {
  const ModelConfig& model = arguments.model;
  const int64_t kv_heads = arguments.kv_heads > 0 ? arguments.kv_heads : model.heads;
  if (model.hidden % model.heads != 0)
    throw Error(Exit::usage, "--heads {} does not divide --hidden {}", model.heads, model.hidden).hint("--hidden {}", 64 * model.heads);
  if (model.family == Family::llama && model.hidden / model.heads % 2 != 0)
    throw Error(Exit::usage, "rotary positions need heads of an even size, and --hidden {} over --heads {} is {}", model.hidden,
                model.heads, model.hidden / model.heads)
        .hint("--hidden {}", 64 * model.heads);
  if (model.heads % kv_heads != 0)
    throw Error(Exit::usage, "--kv-heads {} does not divide --heads {}", kv_heads, model.heads).hint("--kv-heads 1");
}

}  // namespace llmrun
