#include <fmt/format.h>

#include "engine/rank/commands.h"
#include "engine/train/trace_rank.h"

namespace llmrun::rank {
namespace {

struct TraceOptions {
  std::string plan;
  int64_t rank = 0;
};

void trace(const TraceOptions& options) {
  const Plan plan = read_plan(options.plan);
  if (options.rank < 0 || options.rank >= plan.ranks())
    throw Error(Exit::usage, "--rank {}: the plan has ranks 0 to {}", options.rank, plan.ranks() - 1).hint("--rank {}", plan.ranks() - 1);
  fmt::print("{}\n", to_json(trace_rank(plan, options.rank)).dump());
}

}  // namespace

void add_trace(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<TraceOptions>();
  auto* command = app.add_subcommand(
      "trace", "What a rank of a plan holds and says in a step, made without data, as JSON (llmrun plan --trace-rank starts it)");
  command->add_option("--plan", options->plan, "A plan.json")->required();
  command->add_option("--rank", options->rank, "Which of its ranks")->required();
  command->callback([=, &exit_code] {
    trace(*options);
    exit_code = 0;
  });
}

}  // namespace llmrun::rank
