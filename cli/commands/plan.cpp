#include <CLI/CLI.hpp>
#include <memory>

#include "cli/commands/commands.h"
#include "cli/context.h"
#include "cli/plan_options.h"
#include "engine/core/units.h"
#include "launcher/plan/forecast.h"

namespace llmrun::cli {
namespace {

json traffic_json(const Traffic& traffic) {
  json bytes = json::object();
  for (int i = 0; i < kPurposes; ++i) bytes[std::string(kPurposeNames[i])] = traffic.cells[i].bytes;
  return bytes;
}

json stage_json(int64_t stage, const StageForecast& forecast) {
  return {{"stage", stage},
          {"layers", {forecast.layers.begin, forecast.layers.end}},
          {"parameters_per_rank", forecast.parameters},
          {"bytes_per_rank",
           {{"parameters", forecast.bytes.parameters},
            {"gradients", forecast.bytes.gradients},
            {"optimizer", forecast.bytes.optimizer},
            {"total", forecast.bytes.total()}}},
          {"comm_bytes_per_step", traffic_json(forecast.traffic)}};
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
  return document;
}

std::string axes_shown(const Layout& layout) {
  std::string text;
  for (const Axis axis : kAxes)
    if (layout.size(axis) > 1) text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis_name(axis), layout.size(axis));
  return text.empty() ? "1" : text;
}

void print_plan(const Plan& plan, const Forecast& forecast, Output& out) {
  const auto line = [&](std::string_view name, std::string_view value) { out.print("{:<18} {}\n", name, printable(value)); };
  line("run", plan.name);
  line("directory", plan.dir);
  line("ranks", fmt::format("{} = {}, {} a node on {} node{}, {}", plan.ranks(), axes_shown(plan.layout), plan.ranks_per_node,
                            plan.hosts.size(), plan.hosts.size() == 1 ? "" : "s",
                            plan.device == Device::cuda ? "a GPU each" : fmt::format("{} CPU threads each", plan.threads)));
  line("model", fmt::format("{} parameters: {} layers, hidden {}, heads {}{}, vocabulary {}",
                            human_count(static_cast<double>(forecast.parameters)), plan.model.layers, plan.model.hidden, plan.model.heads,
                            plan.model.kv_heads == plan.model.heads ? "" : fmt::format(" ({} KV)", plan.model.kv_heads), plan.model.vocab));
  line("batch", fmt::format("{} sequences of {} = {} tokens a step; micro batch {}, {} of them a step on a data rank", plan.global_batch,
                            plan.config.train.seq_len, plan.tokens_per_step(), plan.config.train.micro_batch, plan.accumulate));
  line("steps", fmt::format("{} = {} tokens", plan.steps, human_count(static_cast<double>(plan.steps * plan.tokens_per_step()))));
  line("FLOPs per token", fmt::format("{:.4g} model (attention in full), {:.4g} model (causal half), {:.4g} hardware (with recompute)",
                                      forecast.flops.model, forecast.flops.model_causal, forecast.flops.hardware));
  out.print("\n{:<6} {:<10} {:>12} {:>12} {:>12} {:>12} {:>12}\n", "stage", "layers", "per rank:", "parameters", "gradients", "optimizer",
            "total");
  for (size_t stage = 0; stage < forecast.stages.size(); ++stage) {
    const StageForecast& here = forecast.stages[stage];
    const auto bytes = [](int64_t count) { return human_bytes(static_cast<double>(count)); };
    const std::string layers = here.layers.size() == 0 ? "-" : fmt::format("{}-{}", here.layers.begin, here.layers.end - 1);
    out.print("{:<6} {:<10} {:>12} {:>12} {:>12} {:>12} {:>12}\n", stage, layers, human_count(static_cast<double>(here.parameters)),
              bytes(here.bytes.parameters), bytes(here.bytes.gradients), bytes(here.bytes.optimizer), bytes(here.bytes.total()));
  }
  out.print("activations are not in these bytes\n");
}

/// Says what cannot fit even without activations.
void print_what_does_not_fit(const Forecast& forecast, const NodeShape& node, Output& out) {
  if (!node.gpu_memory_bytes) return;
  for (size_t stage = 0; stage < forecast.stages.size(); ++stage)
    if (const int64_t bytes = forecast.stages[stage].bytes.total(); bytes > *node.gpu_memory_bytes)
      out.print("does not fit: stage {} wants {} on a GPU of {}; more tensor or pipeline ranks, or parallel.zero=1, make it less\n", stage,
                human_bytes(static_cast<double>(bytes)), human_bytes(static_cast<double>(*node.gpu_memory_bytes)));
}

void plan(const PlanOptions& options, Context& context) {
  const Variables environment = Variables::of_this_process();
  const PlanInput input = plan_input(options, environment, /*starting=*/false, context);
  const Plan plan = make_plan(input);
  const Forecast costs = forecast(plan);
  if (context.json) {
    context.out().print("{}\n", plan_json(plan, costs).dump(2));
    return;
  }
  print_plan(plan, costs, context.out());
  if (plan.device == Device::cuda) print_what_does_not_fit(costs, input.node, context.out());
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
  auto options = std::make_shared<PlanOptions>();
  auto* command = app.add_subcommand("plan", "Say whether a run can work, how it is laid out, and what it costs; start nothing");
  add_plan_options(*command, *options);
  for (const char* flag : {"--search", "--schedule", "--trace-rank", "--max-seq-len"}) refuse(*command, flag);
  command->footer(
      "Examples:\n  llmrun plan my-run.yaml --ranks 8\n  llmrun plan --set machine=polaris --set model=gpt-13b --set job.nodes=10 --set "
      "run.steps=1000 --json");
  command->callback([=, &context] { plan(*options, context); });
}

}  // namespace llmrun::cli
