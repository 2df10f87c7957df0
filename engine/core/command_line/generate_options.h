#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace llmrun {

/// What `generate` takes. `llmrun` parses it for help, manual and completion, and `llmrun-rank` to do the work: one declaration for both.
struct GenerateOptions {
  std::string from;  // RUN, or a Hugging Face directory
  std::optional<std::string> prompt;
  std::optional<std::string> prompt_ids;  // "1,2,3"
  int64_t max_new_tokens = 64;
  double temperature = 0;  // 0: the likeliest token
  int64_t top_k = 0;       // 0: all
  double top_p = 1.0;
  uint64_t seed = 1;
  std::string tokenizer;  // overrides what the run says
};

void add_generate_options(CLI::App& command, GenerateOptions& options);

/// Throws Error(Exit::usage) where there is nothing to continue, or where --prompt-ids are no numbers.
void check_prompt(const GenerateOptions& options);

/// The numbers of --prompt-ids.
std::vector<int64_t> prompt_ids_of(const GenerateOptions& options);

}  // namespace llmrun
