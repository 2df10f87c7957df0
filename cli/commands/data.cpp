#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/ui/progress.h"
#include "engine/core/dataset/inspect.h"
#include "engine/core/dataset/prepare.h"
#include "engine/core/dataset/tokenizer.h"
#include "engine/core/json.h"
#include "engine/core/units.h"

namespace llmrun::cli {
namespace {

void print_json(const json& document, Context& context) {
  context.out().print("{}\n", document.dump(2, ' ', false, json::error_handler_t::replace));  // tokens may decode to no UTF-8
}

json to_json(const DatasetSummary& summary, const std::string& prefix) {
  json document{{"version", 1},
                {"prefix", prefix},
                {"documents", summary.documents},
                {"sequences", summary.sequences},
                {"tokens", summary.tokens},
                {"dtype", token_type_name(summary.type)},
                {"tokenizer", nullptr},
                {"vocab", nullptr},
                {"documents_by_length", json::array()},
                {"first_tokens", summary.first_tokens}};
  if (summary.card) {
    document["tokenizer"] = tokenizer_of(*summary.card, prefix);
    document["vocab"] = summary.card->vocab;
  }
  for (size_t bin = 0; bin < summary.documents_by_length.size(); ++bin) {
    document["documents_by_length"].push_back({{"from", int64_t{1} << bin}, {"documents", summary.documents_by_length[bin]}});
  }
  return document;
}

/// One line, whatever the tokens say: control characters and newlines are shown, not obeyed.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : printable(text)) c == '\n' ? line += "\\n" : line += c;
  return line;
}

std::string histogram(const std::vector<int64_t>& documents_by_length) {
  constexpr double kWidest = 40;
  int64_t most = 1;
  for (const int64_t documents : documents_by_length) most = std::max(most, documents);
  std::string text;
  for (size_t bin = 0; bin < documents_by_length.size(); ++bin) {
    const int64_t documents = documents_by_length[bin];
    if (documents == 0) continue;
    const auto width = static_cast<size_t>(std::ceil(kWidest * static_cast<double>(documents) / static_cast<double>(most)));
    text +=
        fmt::format("  {:>10} ..{:<10} {:>10}  {}\n", int64_t{1} << bin, (int64_t{1} << (bin + 1)) - 1, documents, std::string(width, '#'));
  }
  return text;
}

void prepare(const PrepareOptions& options, Context& context) {
  PrepareResult result;
  {
    Progress progress(context.talk());
    result = llmrun::prepare(options, [&](const PrepareProgress& at) {
      if (at.stage == PrepareProgress::Stage::training) return context.talk().print("training {}\n", options.tokenizer);
      progress.show("tokenising", at.done_bytes, at.total_bytes, at.resumed_bytes);
    });
  }
  const DatasetCard& card = result.card;
  if (context.json) {
    return print_json({{"version", 1},
                       {"prefix", options.prefix},
                       {"tokenizer", tokenizer_of(card, options.prefix)},
                       {"vocab", card.vocab},
                       {"documents", card.documents},
                       {"tokens", card.tokens},
                       {"was_complete", result.was_complete},
                       {"resumed_bytes", result.resumed_bytes}},
                      context);
  }
  if (result.resumed_bytes > 0)
    context.talk().print("went on after {} of an interrupted run\n", human_bytes(static_cast<double>(result.resumed_bytes)));
  context.out().print("{}: {} document{}, {} tokens, {} ids{}\n", printable(options.prefix), card.documents, card.documents == 1 ? "" : "s",
                      card.tokens, card.vocab, result.was_complete ? " (it was complete: nothing to do)" : "");
}

void inspect(const std::string& prefix, Context& context) {
  const DatasetSummary summary = summarise(prefix);
  std::string tokenizer = "not recorded", text;
  if (summary.card) {
    tokenizer = tokenizer_of(*summary.card, prefix);
    text = open_tokenizer(tokenizer)->decode(summary.first_tokens);
  }
  if (context.json) {
    json document = to_json(summary, prefix);
    document["first_text"] = summary.card ? json(text) : json(nullptr);
    return print_json(document, context);
  }
  Output& out = context.out();
  out.print("documents  {}\ntokens     {}  ({})\ntokenizer  {}\n", summary.documents, summary.tokens, token_type_name(summary.type),
            printable(tokenizer));
  if (summary.card) out.print("vocab      {}  (largest id {})\n", summary.card->vocab, summary.card->largest_id);
  out.print("documents by length in tokens:\n{}", histogram(summary.documents_by_length));
  out.print("begins     {}\n", summary.card ? on_one_line(text) : fmt::format("{}", fmt::join(summary.first_tokens, " ")));
}

void verify(const std::string& prefix, std::optional<int64_t> vocab, Context& context) {
  const int64_t largest = llmrun::verify(prefix, vocab);
  const DatasetSummary summary = summarise(prefix);
  if (context.json) {
    return print_json(
        {{"version", 1}, {"prefix", prefix}, {"documents", summary.documents}, {"tokens", summary.tokens}, {"largest_id", largest}},
        context);
  }
  context.out().print("{}: {} documents and {} tokens are whole, the largest id is {}\n", printable(prefix), summary.documents,
                      summary.tokens, largest);
}

void add_prepare(CLI::App& data, Context& context) {
  auto options = std::make_shared<PrepareOptions>();
  auto* command = data.add_subcommand("prepare", "Turn text into tokens for training");
  command->footer(
      "A text file is a document, and so is a line of a .jsonl file. Interrupted, the same command goes on where it was.\n"
      "Examples:\n  llmrun data prepare book.txt --out data/book\n"
      "  llmrun data prepare corpus/*.jsonl --out data/corpus --tokenizer spm-train:32000");
  command->add_option("inputs", options->inputs, "Text or JSONL files, directories, or - for standard input")->required()->type_name("IN");
  command->add_option("--out", options->prefix, "Writes PREFIX.bin, PREFIX.idx and PREFIX.json")->required()->type_name("PREFIX");
  command->add_option("--tokenizer", options->tokenizer, "bytes, spm:MODEL, or spm-train:N (a new vocabulary of N pieces)")
      ->capture_default_str();
  command->add_option("--jsonl-key", options->jsonl_key, "The key of a JSONL object that holds the text")->capture_default_str();
  command->add_option("--format", options->format, "Of every input: text or jsonl (default: by suffix)")
      ->transform(CLI::CheckedTransformer(std::map<std::string, TextFormat>{{"text", TextFormat::text}, {"jsonl", TextFormat::jsonl}}));
  command->add_option("--workers", options->workers, "Threads; 0 is one a core")->check(CLI::Range(0, 1024))->capture_default_str();
  command->add_option("--seed", options->seed, "Which part of a large input trains the vocabulary")->capture_default_str();
  command->add_flag("--overwrite", options->overwrite, "Replace a dataset that was made from something else");
  command->callback([=, &context] { prepare(*options, context); });
}

}  // namespace

void add_data(CLI::App& app, Context& context) {
  auto* data = app.add_subcommand("data", "Prepare and look at training data");
  data->footer(
      "Examples:\n  llmrun data prepare book.txt --out data/book --tokenizer bytes\n  llmrun data inspect data/book\n"
      "  llmrun data verify data/book");
  data->require_subcommand(1);
  add_prepare(*data, context);

  auto prefix = std::make_shared<std::string>();
  auto* inspect_command = data->add_subcommand("inspect", "What is in a dataset");
  inspect_command->add_option("prefix", *prefix, "PREFIX of PREFIX.bin and PREFIX.idx")->required()->type_name("PREFIX");
  inspect_command->footer("Examples:\n  llmrun data inspect data/book\n  llmrun data inspect data/book --json");
  inspect_command->callback([=, &context] { inspect(*prefix, context); });

  auto vocab = std::make_shared<std::optional<int64_t>>();
  auto* verify_command = data->add_subcommand("verify", "Read every token and check it");
  verify_command->add_option("prefix", *prefix, "PREFIX of PREFIX.bin and PREFIX.idx")->required()->type_name("PREFIX");
  verify_command->add_option("--vocab", *vocab, "Ids must be below this (default: what the dataset says)");
  verify_command->footer("Examples:\n  llmrun data verify data/book\n  llmrun data verify data/book --vocab 50304");
  verify_command->callback([=, &context] { verify(*prefix, *vocab, context); });
}

}  // namespace llmrun::cli
