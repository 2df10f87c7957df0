#include <fmt/format.h>

#include <cstdio>
#include <filesystem>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/huggingface.h"
#include "engine/checkpoint/reader.h"
#include "engine/core/command_line/generate_options.h"
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

/// A model's weights and what is known about its text.
struct Source {
  ModelShape shape;
  std::unique_ptr<WeightSource> weights;
  std::string tokenizer;     // empty: none known
  std::string no_tokenizer;  // why not, where there is more to say
};

/// The tokenizer a run was trained with: its own key, else what its first dataset says.
void find_tokenizer(const Plan& plan, Source& source) {
  const std::string& prefix = plan.config.data.train.front().path;
  source.tokenizer = plan.config.data.tokenizer;
  if (!source.tokenizer.empty()) return;
  if (prefix == "synthetic") {
    source.no_tokenizer = "it was trained on synthetic tokens";
  } else if (const auto card = read_card(prefix)) {
    source.tokenizer = tokenizer_of(*card, prefix);
  } else {
    source.no_tokenizer = fmt::format("it was trained on '{}', and there is no '{}.json' to name the tokenizer", prefix, prefix);
  }
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
    Source source{shape, std::move(reader), {}, {}};
    find_tokenizer(read_plan(paths.plan()), source);
    return source;
  }
  if (std::filesystem::exists(std::filesystem::path(from) / "config.json")) {
    const ModelShape shape = shape_of_hugging_face(from);
    return {shape, std::make_unique<HuggingFaceSource>(from, shape), {}, {}};
  }
  throw Error(Exit::preflight, "'{}' is neither a run (no plan.json) nor a Hugging Face directory (no config.json)", from)
      .hint("ls {}", from);
}

Error no_tokenizer(const Source& source, const std::string& from) {
  Error error(Exit::usage, "no tokenizer is known for '{}', so --prompt cannot be read", from);
  if (!source.no_tokenizer.empty()) error.because(source.no_tokenizer);
  return error.hint("--tokenizer bytes, --tokenizer spm:MODEL, or --prompt-ids 1,2,3");
}

int generate(const GenerateOptions& options, bool as_json) {
  Source source = open_source(options.from);
  const std::string name = options.tokenizer.empty() ? source.tokenizer : options.tokenizer;
  const std::unique_ptr<Tokenizer> tokenizer = name.empty() ? nullptr : open_tokenizer(name);

  std::vector<int64_t> prompt = prompt_ids_of(options);
  if (options.prompt) {
    if (!tokenizer) throw no_tokenizer(source, options.from);
    std::vector<int32_t> ids;
    tokenizer->encode(*options.prompt, ids);
    prompt.assign(ids.begin(), ids.end());
  }
  if (std::ssize(prompt) > source.shape.max_positions)
    fmt::print(stderr, "llmrun: the prompt has {} tokens, and the model sees only the last {}\n", prompt.size(),
               source.shape.max_positions);
  Generator generator(source.shape, *source.weights, Precision::fp32);
  const Sampling sampling{options.temperature, options.top_k, options.top_p, options.seed};
  const std::vector<int64_t> ids = generator.generate(prompt, options.max_new_tokens, sampling);
  const std::string text = tokenizer ? tokenizer->decode(ids) : std::string();
  if (as_json) {
    const json out{{"version", 1}, {"ids", ids}, {"text", tokenizer ? json(text) : json(nullptr)}};
    fmt::print("{}\n", out.dump(-1, ' ', false, json::error_handler_t::replace));
  } else {
    fmt::print("{}\n", tokenizer ? text : fmt::format("{}", fmt::join(ids, ",")));
  }
  return 0;
}

}  // namespace

void add_generate(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<GenerateOptions>();
  auto as_json = std::make_shared<bool>(false);
  CLI::App* command = app.add_subcommand("generate", "Continue a text with a run's newest checkpoint or a Hugging Face directory");
  add_generate_options(*command, *options);
  command->add_flag("--json", *as_json, "{ids, text} on one line");
  command->callback([=, &exit_code] {
    check_prompt(*options);
    exit_code = generate(*options, *as_json);
  });
}

}  // namespace llmrun::rank
