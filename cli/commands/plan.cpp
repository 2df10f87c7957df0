#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "cli/ui/rank_text.h"
#include "cli/ui/schedule_text.h"
#include "engine/core/spec/spellings.h"
#include "engine/core/units.h"
#include "launcher/plan/ask_for_trace.h"
#include "launcher/plan/forecast.h"
#include "launcher/plan/pipeline_forecast.h"
#include "launcher/plan/rank_forecast.h"
#include "launcher/plan/warnings.h"

namespace llmrun::cli {
namespace {

struct PlanCommand {
  PlanOptions options;
  bool schedule = false;
  std::optional<int64_t> trace_rank;
};

json traffic_json(const Traffic& traffic) {
  json bytes = json::object();
  for (int i = 0; i < kPurposes; ++i) bytes[std::string(kPurposeNames[i])] = traffic.cells[i].bytes();
  return bytes;
}

json stage_json(int64_t stage, const StageForecast& forecast) {
  json chunks = json::array();
  for (const Interval& layers : forecast.layers) chunks.push_back({layers.begin, layers.end});
  json document{{"stage", stage}, {"chunks", chunks}};
  if (chunks.size() == 1) document["layers"] = chunks.front();
  document.update({{"parameters_per_rank", forecast.parameters},
                   {"bytes_per_rank", memory_json(forecast.memory)},
                   {"comm_bytes_per_step", traffic_json(forecast.traffic)}});
  return document;
}

json plan_json(const Plan& plan, const Forecast& forecast) {
  json document = to_json(plan);
  document.erase("config");
  json stages = json::array();
  for (size_t stage = 0; stage < forecast.stages.size(); ++stage)
    stages.push_back(stage_json(static_cast<int64_t>(stage), forecast.stages[stage]));
  document["tokens_per_step"] = plan.tokens_per_step();
  document["parameters"] = forecast.parameters;
  document["flops_per_token"] = {
      {"model", forecast.flops.model}, {"model_causal", forecast.flops.model_causal}, {"hardware", forecast.flops.hardware}};
  document["stages"] = stages;
  document["unit_work_measured"] = is_work_measured(plan);
  return document;
}

std::string axes_shown(const Layout& layout) {
  std::string text;
  for (const Axis axis : kAxes)
    if (layout.size(axis) > 1) text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis_name(axis), layout.size(axis));
  return text.empty() ? "1" : text;
}

/// "optimizer, activations".
std::string listed(const std::vector<Offload>& what) {
  std::string text;
  for (const Offload one : what) text += fmt::format("{}{}", text.empty() ? "" : ", ", spelling(one));
  return text;
}

/// Behind a word that counts so many.
const char* plural(int64_t number) { return number == 1 ? "" : "s"; }

void print_plan(const Plan& plan, const Forecast& forecast, Output& out) {
  const auto line = [&](std::string_view name, std::string_view value) { out.print("{:<18} {}\n", name, printable(value)); };
  line("run", plan.name);
  line("directory", plan.dir);
  line("ranks",
       fmt::format("{} = {}, {} a node on {} node{}, {}", plan.ranks(), axes_shown(plan.layout), plan.ranks_per_node, plan.hosts.size(),
                   plural(std::ssize(plan.hosts)),
                   plan.device == Device::cuda ? "a GPU each" : fmt::format("{} CPU thread{} each", plan.threads, plural(plan.threads))));
  line("model", fmt::format("{} parameters: {} layers, hidden {}, heads {}{}, vocabulary {}",
                            human_count(static_cast<double>(forecast.parameters)), plan.model.layers, plan.model.hidden, plan.model.heads,
                            plan.model.kv_heads == plan.model.heads ? "" : fmt::format(" ({} KV)", plan.model.kv_heads), plan.model.vocab));
  line("batch", fmt::format("{} sequence{} of {} = {} tokens a step; micro batch {}, {} of them a step on a data rank", plan.global_batch,
                            plural(plan.global_batch), plan.config.train.seq_len, plan.tokens_per_step(), plan.config.train.micro_batch,
                            plan.accumulate));
  line("steps", fmt::format("{} = {} tokens", plan.steps, human_count(static_cast<double>(plan.steps * plan.tokens_per_step()))));
  line("FLOPs per token", fmt::format("{:.4g} model (attention in full), {:.4g} model (causal half), {:.4g} hardware (with recompute)",
                                      forecast.flops.model, forecast.flops.model_causal, forecast.flops.hardware));
  out.print("\n{:<6} {:<10} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}\n", "stage", "layers", "per rank:", "parameters", "gradients",
            "optimizer", "activations", "work", "total");
  for (size_t stage = 0; stage < forecast.stages.size(); ++stage) {
    const StageForecast& here = forecast.stages[stage];
    const auto bytes = [](int64_t count) { return human_bytes(static_cast<double>(count)); };
    std::string layers;
    for (const Interval& chunk : here.layers)
      layers += (layers.empty() ? "" : ", ") + (chunk.size() == 0 ? "-" : fmt::format("{}-{}", chunk.begin, chunk.end - 1));
    out.print("{:<6} {:<10} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12} {:>12}\n", stage, layers,
              human_count(static_cast<double>(here.parameters)), bytes(here.memory.state.parameters), bytes(here.memory.state.gradients),
              bytes(here.memory.state.optimizer), bytes(here.memory.kept), bytes(here.memory.passing()), bytes(here.memory.total()));
  }
  int64_t host = 0;
  for (const StageForecast& stage : forecast.stages) host = std::max(host, stage.memory.host());
  if (host > 0)
    out.print("in host memory beside that: {}, up to {} a rank\n", listed(plan.config.parallel.offload),
              human_bytes(static_cast<double>(host)));
  out.print("activations wait for their backward; work is what stands beside them at the peak, for the unit that runs and for ZeRO\n");
  if (!is_work_measured(plan)) out.print("{}: --trace-rank RANK counts it\n", kWorkOnGpu);
}

json pipeline_json(const Plan& plan, const PipelineForecast& forecast) {
  json stages = json::array();
  for (size_t stage = 0; stage < forecast.even.stages.size(); ++stage) {
    json actions = json::array();
    for (const PipelineTimeline::Span& span : forecast.even.stages[stage])
      actions.push_back({{"action", spelling(span.action)}, {"begin", span.begin}, {"end", span.end}});
    stages.push_back({{"stage", stage}, {"peak_micro_batches", peak_micro_batches(forecast.schedule.stages[stage])}, {"actions", actions}});
  }
  return {{"schedule", spelling(plan.config.parallel.schedule)},
          {"chunks", forecast.schedule.placement.chunks},
          {"bubble",
           {{"formula", forecast.formula ? json(*forecast.formula) : json()},
            {"formula_from_micro_batches", forecast.formula_from},
            {"even", forecast.even.bubble()},
            {"by_flops", forecast.loaded.bubble()}}},
          {"stages", stages}};
}

constexpr double kMostCells = 20'000;  // of a drawing that a person would look at

void print_schedule(const Plan& plan, const PipelineForecast& forecast, Output& out) {
  const PipelinePlacement& placement = forecast.schedule.placement;
  const auto percent = [](double share) { return fmt::format("{:.1f}%", 100 * share); };
  const auto line = [&](std::string_view name, const std::string& value) { out.print("{:<18} {}\n", name, value); };
  out.print("\n");
  line("schedule", fmt::format("{}: {} stage{}{}, {} micro-batch{}", spelling(plan.config.parallel.schedule), placement.stages,
                               plural(placement.stages), placement.chunks > 1 ? fmt::format(" of {} chunks", placement.chunks) : "",
                               plan.accumulate, plan.accumulate == 1 ? "" : "es"));
  const std::string formula = forecast.formula ? fmt::format("formula: {}", percent(*forecast.formula))
                                               : fmt::format("its formula holds from {} micro-batches on", forecast.formula_from);
  line("bubble", fmt::format("{} of the work where all parts are alike ({}), {} by the FLOPs of each part", percent(forecast.even.bubble()),
                             formula, percent(forecast.loaded.bubble())));
  std::string peaks;
  for (const auto& actions : forecast.schedule.stages) peaks += fmt::format("{}{}", peaks.empty() ? "" : ", ", peak_micro_batches(actions));
  line("held at once",
       fmt::format("{} {}, from the first stage to the last", peaks, placement.chunks > 1 ? "chunks of micro-batches" : "micro-batches"));
  out.print("\n");
  if (forecast.even.end * static_cast<double>(placement.stages) > kMostCells)
    return out.print("too large to draw; --json holds every action\n");
  out.write(schedule_text(forecast.even, out.columns()));
  out.print("F forward, B gradient of the input{}; a cell is a forward's time\n",
            plan.config.parallel.schedule == Schedule::zero_bubble || placement.vee ? ", W of the weights" : " and the weights");
}

void trace_rank(const Plan& plan, int64_t rank, const Variables& environment, Context& context) {
  if (rank < 0 || rank >= plan.ranks())
    throw Error(Exit::usage, "--trace-rank {}: the plan has ranks 0 to {}", rank, plan.ranks() - 1)
        .hint("--trace-rank {}", plan.ranks() - 1);
  const RankForecast forecast = rank_forecast(plan, rank);
  // On a CPU the formulas are what an allocator counts; a GPU's operators are others.
  const auto traced = plan.device == Device::cuda ? ask_for_trace(plan, rank, environment) : std::nullopt;
  if (context.json) return context.out().print("{}\n", rank_json(plan, forecast, traced).dump(2));
  context.out().write(rank_text(plan, forecast, traced));
}

void plan(const PlanCommand& command, Context& context) {
  const Variables environment = Variables::of_this_process();
  const PlanInput input = plan_input(command.options, environment, Intent::queue, context);
  const Plan plan = make_plan(input);
  if (command.trace_rank) return trace_rank(plan, *command.trace_rank, environment, context);
  const Forecast costs = forecast(plan);
  const std::vector<std::string> warnings = warnings_of(plan, costs, input.node);
  if (context.json) {
    json document = plan_json(plan, costs);
    document["warnings"] = warnings;
    if (command.schedule) document["pipeline"] = pipeline_json(plan, pipeline_forecast(plan));
    context.out().print("{}\n", document.dump(2));
    return;
  }
  print_plan(plan, costs, context.out());
  if (command.schedule) print_schedule(plan, pipeline_forecast(plan), context.out());
  for (const std::string& line : warnings) context.out().print("{}\n", line);
}

/// A flag of the contract whose work is not done yet: refused by name, not unknown.
void refuse(CLI::App& command, const std::string& flag) {
  command
      .add_flag_callback(flag,
                         [flag] { throw Error(Exit::usage, "plan {} is not built yet", flag).hint("llmrun plan --help shows what is"); })
      ->group("");
}

}  // namespace

void add_plan(CLI::App& app, Context& context) {
  auto options = std::make_shared<PlanCommand>();
  auto* command = app.add_subcommand("plan", "Say whether a run can work, how it is laid out, and what it costs; start nothing");
  add_plan_options(*command, options->options);
  command->add_flag("--schedule", options->schedule, "Draw what each pipeline stage does when, with the time it stands still");
  command->add_option("--trace-rank", options->trace_rank, "What this rank holds at the peak of a step, and each of its calls, in bytes")
      ->type_name("RANK")
      ->excludes("--schedule");
  for (const char* flag : {"--search", "--max-seq-len"}) refuse(*command, flag);
  command->footer(
      "Examples:\n  llmrun plan my-run.yaml --ranks 8\n  llmrun plan --machine polaris --model gpt-13b --nodes 10 --steps 1000 --json\n"
      "  llmrun plan my-run.yaml --ranks 4 --set parallel.pipeline=4 --set train.accumulate=8 --set parallel.schedule=zero_bubble "
      "--schedule\n"
      "  llmrun plan --machine perlmutter --model gpt-25b --nodes 1024 --set parallel.tensor=4 --set parallel.pipeline=8 "
      "--steps 1000 --trace-rank 4095");
  command->callback([=, &context] { plan(*options, context); });
}

}  // namespace llmrun::cli
