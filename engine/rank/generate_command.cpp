#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <optional>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/huggingface.h"
#include "engine/checkpoint/reader.h"
#include "engine/core/dataset/dataset_card.h"
#include "engine/core/dataset/tokenizer.h"
#include "engine/core/error.h"
#include "engine/core/json.h"
#include "engine/core/plan.h"
#include "engine/core/run_paths.h"
#include "engine/core/spec/decode.h"
#include "engine/core/spec/hugging_face.h"
#include "engine/rank/commands.h"
#include "engine/train/generate.h"

namespace llmrun::rank {
namespace {

struct GenerateOptions {
  std::string from;  // a run directory or a Hugging Face directory
  std::optional<std::string> prompt;
  std::vector<int64_t> prompt_ids;
  int64_t max_new_tokens = 64;
  Sampling sampling;
  std::string tokenizer;  // overrides what the run says
  bool json = false;
};

/// A model's weights and what is known about its text.
struct Source {
  ModelShape shape;
  std::unique_ptr<WeightSource> weights;
  std::string tokenizer;  // empty: none known
};

/// The tokenizer a run was trained with: its own key, else what its first dataset says.
std::string tokenizer_of_run(const Plan& plan) {
  if (!plan.config.data.tokenizer.empty()) return plan.config.data.tokenizer;
  const std::string& prefix = plan.config.data.train.front().path;
  const auto card = prefix == "synthetic" ? std::nullopt : read_card(prefix);
  return card ? tokenizer_of(*card, prefix) : std::string();
}

ModelShape shape_of_hugging_face(const std::string& from) {
  Config config;
  std::vector<Complaint> complaints;
  apply(model_of_hugging_face(from), config, complaints);
  if (!complaints.empty()) throw Error(Exit::preflight, std::move(complaints));
  return model_shape(config.model, config.train.seq_len);
}

Source open_source(const std::string& from) {
  const RunPaths paths(from);
  if (std::filesystem::exists(paths.plan())) {
    const auto found = find_checkpoint(paths.checkpoints());
    if (!found) throw Error(Exit::no_checkpoint, "run '{}' has no checkpoint yet", from).hint("llmrun tail {}", from);
    auto reader = std::make_unique<CheckpointReader>(found->directory);
    const ModelShape shape = reader->snapshot().model;
    return {shape, std::move(reader), tokenizer_of_run(read_plan(paths.plan()))};
  }
  if (std::filesystem::exists(std::filesystem::path(from) / "config.json")) {
    const ModelShape shape = shape_of_hugging_face(from);
    return {shape, std::make_unique<HuggingFaceSource>(from, shape), {}};
  }
  throw Error(Exit::preflight, "'{}' is neither a run (no plan.json) nor a Hugging Face directory (no config.json)", from)
      .hint("ls {}", from);
}

int generate(const GenerateOptions& options) {
  Source source = open_source(options.from);
  const std::string name = options.tokenizer.empty() ? source.tokenizer : options.tokenizer;
  const std::unique_ptr<Tokenizer> tokenizer = name.empty() ? nullptr : open_tokenizer(name);

  std::vector<int64_t> prompt = options.prompt_ids;
  if (options.prompt) {
    if (!tokenizer)
      throw Error(Exit::usage, "no tokenizer is known for '{}', so --prompt cannot be read", options.from)
          .hint("--tokenizer bytes, --tokenizer spm:MODEL, or --prompt-ids 1,2,3");
    std::vector<int32_t> ids;
    tokenizer->encode(*options.prompt, ids);
    prompt.assign(ids.begin(), ids.end());
  }
  Generator generator(source.shape, *source.weights, Precision::fp32);
  const std::vector<int64_t> ids = generator.generate(prompt, options.max_new_tokens, options.sampling);
  const std::string text = tokenizer ? tokenizer->decode(ids) : std::string();
  if (options.json) {
    const json out{{"ids", ids}, {"text", tokenizer ? json(text) : json(nullptr)}};
    fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", tokenizer ? text : fmt::format("{}", fmt::join(ids, ",")));
  }
  return 0;
}

}  // namespace

void add_generate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<GenerateOptions>();
  CLI::App* command = app.add_subcommand("generate", "Continue a text with a run's newest checkpoint or a Hugging Face directory");
  command->add_option("run", options->from, "Run directory or Hugging Face directory")->required();
  auto* prompt = command->add_option("--prompt", options->prompt, "Text to continue");
  auto* ids = command->add_option("--prompt-ids", options->prompt_ids, "Token ids to continue: 1,2,3")->delimiter(',');
  prompt->excludes(ids);
  command->add_option("--max-new-tokens", options->max_new_tokens, "Tokens to add")->capture_default_str()->check(CLI::NonNegativeNumber);
  command->add_option("--temperature", options->sampling.temperature, "0: the likeliest token each time")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-k", options->sampling.top_k, "Choose among the k likeliest; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command->add_option("--top-p", options->sampling.top_p, "Choose among the likeliest that hold this share")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command->add_option("--seed", options->sampling.seed, "Of the draws")->capture_default_str();
  command->add_option("--tokenizer", options->tokenizer, "bytes or spm:MODEL, instead of what the run says");
  command->add_flag("--json", options->json, "{ids, text} on one line");
  command->callback([=, &exit_code] {
    if (!options->prompt && options->prompt_ids.empty())
      throw Error(Exit::usage, "generate needs a prompt").hint("--prompt 'In the beginning' or --prompt-ids 1,2,3");
    exit_code = generate(*options);
  });
}

}  // namespace llmrun::rank
