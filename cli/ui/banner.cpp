#include "cli/ui/banner.h"

#include "cli/ui/terminal.h"
#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/render/shell.h"
#include "launcher/rundir/find_run.h"
#include "launcher/rundir/log_name.h"

namespace llmrun::cli {
namespace {

/// "GPT13B", "gpt-tiny" or "1.2M": what the parameters are called.
std::string size_name(const PlanInput& input, const Plan& plan) {
  if (!input.resolved.model_size_key.empty()) return input.resolved.model_size_key;
  if (!plan.config.model.profile.empty()) return plan.config.model.profile;
  return human_count(static_cast<double>(parameter_count(plan.model)));
}

/// "tensor 2 x data 2": the axes that are in use.
std::string layout_shown(const Layout& layout) {
  std::string text;
  for (const Axis axis : kAxes)
    if (layout.size(axis) > 1) text += fmt::format("{}{} {}", text.empty() ? "" : " x ", axis_name(axis), layout.size(axis));
  return text.empty() ? "one rank" : text;
}

/// "GPT-3" is what the ALCF scripts call every GPT, and their users look for the line; nobody else's GPT is one.
std::string_view kind_of_model(const PlanInput& input, const Plan& plan) {
  if (plan.model.family == Family::llama) return "Llama";
  return input.resolved.model_size_key.empty() ? "GPT" : "GPT-3";
}

/// " MODEL_SIZE_KEY=GPT13B SEQ_LEN=1024": what came from the environment, which nobody sees otherwise.
std::string from_environment(const Resolved& resolved) {
  std::string text;
  for (const auto& [name, value] : resolved.variables) text += fmt::format(" {}={}", name, value);
  return text;
}

bool is_synthetic(const DataConfig& data) { return data.train.size() == 1 && data.train[0].path == "synthetic"; }

/// Whether `generate` can read text: the run names a tokenizer, or its first dataset does.
bool reads_text(const DataConfig& data) {
  return !data.tokenizer.empty() || (!is_synthetic(data) && std::filesystem::exists(data.train[0].path + ".json"));
}

}  // namespace

std::string banner(const PlanInput& input, const Plan& plan, const Attempt& attempt, std::time_t now) {
  std::string text;
  const auto say = [&](std::string_view line) { text += printable(line) + "\n"; };
  if (!input.allocation.hostfile.empty()) say("Using HOSTFILE: " + input.allocation.hostfile);
  say(fmt::format("NHOSTS: {}", plan.hosts.size()));
  if (plan.device == Device::cuda) {
    say(fmt::format("NGPU_PER_HOST: {}", plan.ranks_per_node));
    say(fmt::format("NGPUS: {}", plan.ranks()));
  } else {
    say(fmt::format("NRANKS: {} (on CPUs, {} thread{} each)", plan.ranks(), plan.threads, plan.threads == 1 ? "" : "s"));
  }
  if (const std::string set = from_environment(input.resolved); !set.empty()) say("From the environment:" + set);
  say(fmt::format("Job started at: {} on {}", compact_time(now), short_host_name()));
  say(fmt::format("Training {} with {} parameters", kind_of_model(input, plan), size_name(input, plan)));
  say(fmt::format("Layout: {}; {} tokens a step; {} steps", layout_shown(plan.layout), plan.tokens_per_step(), plan.steps));
  if (is_synthetic(plan.config.data)) say("Data: SYNTHETIC tokens, made by seed. Nothing real is learned; set data.train for that.");
  if (attempt.number > 1) say(fmt::format("Attempt {}: goes on from the last checkpoint where there is one", attempt.number));
  return text + output_lines(input.directory, plan.dir, attempt.log);
}

std::string output_lines(const std::filesystem::path& here, const std::filesystem::path& dir, const std::string& log) {
  const std::filesystem::path logfiles = logfiles_of(dir.lexically_normal());
  const bool is_here = logfiles.parent_path() == here.lexically_normal();
  const std::string newest = fmt::format("$(tail -1 {})", shell_quoted(is_here ? "logfiles" : logfiles.string()));
  const std::string file = shell_quoted(log);
  return printable(fmt::format("Writing logs to: {}\nto view output: tail -f {}\ni.e. tail -f {}\n", dir.string(),
                               file == log ? newest : '"' + newest + '"', file));
}

namespace {

/// What finds the run from the directory that this command was typed in: its name, or its directory where the name means nothing there.
std::string name_from_here(const Plan& plan) {
  try {
    if (find_run(plan.name, std::filesystem::current_path()) == std::filesystem::weakly_canonical(plan.dir)) return plan.name;
  } catch (const Error&) {
  }
  return plan.dir;
}

}  // namespace

std::string finished_already(const Plan& plan, int64_t finished_steps) {
  return fmt::format("{} is finished: {} steps. More: --set run.steps={}; afresh: --set run.dir=outputs/another\n", printable(plan.name),
                     finished_steps, 2 * finished_steps);
}

std::string farewell(const Plan& plan, int exit_code) {
  const std::string run = printable(shell_quoted(name_from_here(plan)));
  if (exit_code == static_cast<int>(Exit::resubmit)) return "Stopped cleanly before the end: the same command goes on.\n";
  const bool saved = std::filesystem::exists(RunPaths(plan.dir).checkpoints() / "latest");
  if (exit_code != 0)
    return fmt::format("Stopped. The same command {}.\n",
                       saved ? "goes on from the last checkpoint" : "starts from the beginning: nothing was saved");
  if (!saved) return fmt::format("Done: {} steps. Next:\n  llmrun tail {} -n 50\n", plan.steps, run);
  return fmt::format(
      "Done: {} steps. Next:\n  llmrun generate {} {} --max-new-tokens 100\n  llmrun checkpoint list {}\n  llmrun tail {} -n 50\n",
      plan.steps, run, reads_text(plan.config.data) ? "--prompt 'In the beginning'" : "--prompt-ids 1,2,3", run, run);
}

}  // namespace llmrun::cli
