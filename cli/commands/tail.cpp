#include <CLI/CLI.hpp>
#include <memory>
#include <regex>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "engine/core/plan.h"
#include "engine/core/run_paths.h"
#include "launcher/follow/file_tail.h"
#include "launcher/follow/rank_list.h"
#include "launcher/rundir/find_run.h"
#include "launcher/rundir/lock.h"
#include "launcher/rundir/record.h"

namespace llmrun::cli {
namespace {

struct TailOptions {
  std::string run = "last";
  std::string ranks;  // empty: the combined log
  int64_t lines = 20;
  std::string grep;
  bool raw = false;
};

struct Followed {
  std::string label;
  FileTail file;
};

std::vector<Followed> files_of(const TailOptions& options, const RunPaths& paths, const Attempt& attempt) {
  std::vector<Followed> files;
  if (options.ranks.empty()) {
    files.push_back({"", FileTail(attempt.log, options.lines)});
    return files;
  }
  const std::vector<int64_t> ranks = parse_ranks(options.ranks, attempt.ranks);
  for (const int64_t rank : ranks)
    files.push_back({ranks.size() > 1 ? fmt::format("[{}] ", rank) : "", FileTail(paths.rank_log(attempt.number, rank), options.lines)});
  return files;
}

/// Prints what fits --grep, harmless for a terminal unless --raw.
class Printer {
 public:
  Printer(const TailOptions& options, Context& context) : raw_(options.raw), context_(context) {
    if (options.grep.empty()) return;
    try {
      pattern_ = std::regex(options.grep, std::regex::extended | std::regex::optimize);
    } catch (const std::regex_error& failure) {
      throw Error(Exit::usage, "--grep '{}' is no regular expression: {}", options.grep, failure.what());
    }
  }
  void print(const std::string& label, const std::string& line) {
    if (pattern_ && !std::regex_search(line, *pattern_)) return;
    context_.out().print("{}{}\n", label, raw_ ? line : printable(line));
  }

 private:
  bool raw_;
  Context& context_;
  std::optional<std::regex> pattern_;
};

/// The exit code of the attempt once it is over; nothing while it runs.
std::optional<int> ended(const RunPaths& paths, int attempt) {
  const RunRecord record = read_record(paths.record());
  const Attempt& newest = record.attempts.back();
  if (newest.number != attempt || newest.exit) return newest.exit.value_or(0);
  if (is_locked(paths.lock())) return {};
  const RunRecord again = read_record(paths.record());  // it may have ended between the two looks
  return again.attempts.back().exit.value_or(static_cast<int>(Exit::failed));
}

void tail(const TailOptions& options, Context& context) {
  const RunPaths paths(find_run(options.run, std::filesystem::current_path()));
  const RunRecord record = read_record(paths.record());
  if (record.attempts.empty())
    throw Error(Exit::usage, "run '{}' was never started", paths.root().filename().string())
        .hint("llmrun train {}", paths.config().string());
  const Attempt attempt = record.attempts.back();
  std::vector<Followed> files = files_of(options, paths, attempt);
  Printer printer(options, context);
  ChangeWatcher watcher;
  watcher.watch(paths.logs());
  watcher.watch(paths.attempt(attempt.number));
  for (std::optional<int> exit;;) {
    exit = ended(paths, attempt.number);  // before reading: what was written until then is read below
    for (Followed& followed : files)
      for (const std::string& line : followed.file.next()) printer.print(followed.label, line);
    if (exit) {
      for (Followed& followed : files)
        if (const std::string rest = followed.file.take_rest(); !rest.empty()) printer.print(followed.label, rest);
      context.out().failed();  // flushes: the lines come before the word about the end
      context.talk().print("llmrun: attempt {} of {} ended with exit code {}\n", attempt.number, printable(record.name), *exit);
      return context.set_exit(*exit);
    }
    if (context.out().failed()) return;  // nobody reads any more
    watcher.wait(500);
  }
}

/// Options of the contract whose work is not done yet: refused by name, not unknown.
void refuse(CLI::App& command, const std::string& option) {
  command
      .add_option_function<std::string>(
          option,
          [option](const std::string&) {
            throw Error(Exit::usage, "tail {} is not built yet", option).hint("llmrun tail --help shows what is");
          })
      ->group("");
}

}  // namespace

void add_tail(CLI::App& app, Context& context) {
  auto options = std::make_shared<TailOptions>();
  auto* command = app.add_subcommand("tail", "Follow the logs of a run until it ends, then exit as it did; Ctrl-C leaves the run alone");
  command->add_option("run", options->run, "Run name, directory, unique prefix, or 'last'")->capture_default_str()->type_name("RUN");
  command->add_option("-r,--ranks", options->ranks, "Logs of these ranks: 0, 0,8-11 or all; default: the combined log")->type_name("RANKS");
  command->add_option("-n,--lines", options->lines, "Lines of history first")->capture_default_str()->check(CLI::NonNegativeNumber);
  command->add_option("--grep", options->grep, "Only lines that this regular expression fits")->type_name("RE");
  command->add_flag("--raw", options->raw, "Control characters as they are");
  for (const char* option : {"--hosts", "--since", "--level"}) refuse(*command, option);
  command->footer("Examples:\n  llmrun tail\n  llmrun tail my-run -r 0,3 -n 100 --grep loss");
  command->callback([=, &context] { tail(*options, context); });
}

}  // namespace llmrun::cli
