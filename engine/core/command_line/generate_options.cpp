#include "engine/core/command_line/generate_options.h"

#include <algorithm>

#include "engine/core/error.h"
#include "engine/core/units.h"

namespace llmrun {

void add_generate_options(CLI::App& command, GenerateOptions& options) {
  command
      .add_option("run", options.from,
                  "Run name, directory, unique prefix or 'last' (launched last from here), or a Hugging Face directory")
      ->required()
      ->type_name("RUN");
  auto* prompt = command.add_option("--prompt", options.prompt, "Text to continue");
  command.add_option("--prompt-ids", options.prompt_ids, "Token ids to continue: 1,2,3")->type_name("ID,...")->excludes(prompt);
  command.add_option("--max-new-tokens", options.max_new_tokens, "Tokens to add")->capture_default_str()->check(CLI::NonNegativeNumber);
  command.add_option("--temperature", options.temperature, "0: the likeliest token each time")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--top-k", options.top_k, "Choose among the k likeliest; 0: all")
      ->capture_default_str()
      ->check(CLI::NonNegativeNumber);
  command.add_option("--top-p", options.top_p, "Choose among the likeliest that hold this share")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1.0));
  command.add_option("--seed", options.seed, "Of the draws")->capture_default_str();
  command.add_option("--tokenizer", options.tokenizer, "bytes or spm:MODEL, instead of what the run says");
  command.footer(
      "Examples:\n  llmrun generate my-run --prompt 'In the beginning' --max-new-tokens 100 --temperature 0.8\n"
      "  llmrun generate last --prompt-ids 1,2,3 --json");
}

void check_prompt(const GenerateOptions& options) {
  if (!options.prompt && !options.prompt_ids)
    throw Error(Exit::usage, "generate needs a prompt").hint("--prompt 'In the beginning' or --prompt-ids 1,2,3");
  prompt_ids_of(options);
}

std::vector<int64_t> prompt_ids_of(const GenerateOptions& options) {
  std::vector<int64_t> ids;
  if (!options.prompt_ids) return ids;
  // CLI11's delimiter() drops what is empty: 1,,2 would be 1,2.
  for (size_t begin = 0, end; begin <= options.prompt_ids->size(); begin = end + 1) {
    end = std::min(options.prompt_ids->find(',', begin), options.prompt_ids->size());
    const std::string word = options.prompt_ids->substr(begin, end - begin);
    const auto id = parse_integer(word);
    if (!id) throw Error(Exit::usage, "--prompt-ids: '{}' is not a whole number", word).hint("--prompt-ids 1,2,3");
    ids.push_back(*id);
  }
  return ids;
}

}  // namespace llmrun
