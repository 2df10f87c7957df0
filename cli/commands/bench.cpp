#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/probe_options.h"
#include "engine/core/command_line/bench_comm_options.h"
#include "engine/core/command_line/bench_step_options.h"
#include "engine/core/command_line/given.h"
#include "launcher/process/sibling.h"

namespace llmrun::cli {
namespace {

/// Actions of the contract whose work is not done yet: refused by name, not unknown.
void refuse(CLI::App& bench, const std::string& action) {
  auto* refused = bench.add_subcommand(action)->group("");
  refused->prefix_command()->fallthrough(false);
  refused->callback([action] { throw Error(Exit::usage, "bench {} is not built yet", action).hint("llmrun bench step --help"); });
}

/// Becomes llmrun-rank, which does the work.
void bench_here(const CLI::App& command, const BenchStepArguments& arguments, Context& context) {
  check_bench_step(arguments);
  std::vector<std::string> words = given_options(command);
  words.insert(words.begin(), {"bench", command.get_name()});
  if (context.json) words.emplace_back("--json");
  become_sibling("llmrun-rank", words);
}

void add_bench_here(CLI::App& bench, const char* name, const char* does, void (*add_options)(CLI::App&, BenchStepArguments&),
                    Context& context) {
  auto arguments = std::make_shared<BenchStepArguments>();
  auto* command = bench.add_subcommand(name, does);
  add_options(*command, *arguments);
  command->callback([=, &context] { bench_here(*command, *arguments, context); });
}

struct BenchCommOptions {
  PlanOptions plan;
  BenchCommArguments work;
};

/// The numbers are made and shown by the ranks: here they are only started.
void bench_comm(const BenchCommOptions& options, Context& context) {
  const BenchCommArguments& work = options.work;
  sizes_of(work);  // a wrong one is refused before any rank starts
  std::vector<std::string> words{"bench",         "comm",
                                 "--sizes",       fmt::format("{}", fmt::join(work.sizes, ",")),
                                 "--collectives", fmt::format("{}", fmt::join(work.collectives, ",")),
                                 "--iterations",  std::to_string(work.iterations)};
  if (context.json) words.emplace_back("--json");
  const Variables environment = Variables::of_this_process();
  const PlanInput input = probe_input(options.plan, read_config(options.plan.run), environment);
  const ProbeAnswer answer = run_rank_probe(input, rank_probe(std::move(words), context), environment);
  context.out().write(answer.text);
  context.set_exit(answer.exit_code);
  if (answer.text.empty())
    throw Error(static_cast<Exit>(answer.exit_code), "the ranks ended with {} and gave no numbers", answer.exit_code)
        .hint("llmrun doctor --ranks {}", input.ranks.value_or(1));
}

void add_bench_comm(CLI::App& bench, Context& context) {
  auto options = std::make_shared<BenchCommOptions>();
  auto* command = bench.add_subcommand("comm", "Time and check the collectives of training, here or in the allocation this shell is in");
  add_plan_options(*command, options->plan);
  add_bench_comm_options(*command, options->work);
  command->footer(
      "Prints what nccl-tests prints: size, time of a call on the slowest rank, algorithm and bus bandwidth, elements that came out wrong "
      "(any: exit 1). Without --ranks: one a GPU, else one a host, on this machine alone one a core.\nExamples:\n  llmrun bench comm "
      "--ranks 4\n  llmrun bench comm --set parallel.communicator=tcp --sizes 1MiB,64MiB "
      "--json");
  command->callback([=, &context] { bench_comm(*options, context); });
}

}  // namespace

void add_bench(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("bench", "Measure the trainer, or the way between ranks");
  command->footer("Examples:\n  llmrun bench step --threads 2\n  llmrun bench ops --threads 2\n  llmrun bench comm --ranks 4");
  command->require_subcommand(1);
  add_bench_here(*command, "step", "Time one rank's training step on tokens made by seed", add_bench_step_options, context);
  add_bench_here(*command, "ops", "Time each operation of a training step, against this machine's memory and products",
                 add_bench_ops_options, context);
  add_bench_comm(*command, context);
  for (const char* action : {"attention", "sweep", "startup"}) refuse(*command, action);
}

}  // namespace llmrun::cli
