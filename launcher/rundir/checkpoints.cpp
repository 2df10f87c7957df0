#include "launcher/rundir/checkpoints.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <optional>

#include "engine/core/error.h"
#include "engine/core/resume_changes.h"
#include "engine/core/spec/decode.h"
#include "launcher/rundir/record.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

std::optional<int64_t> step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stopped, wrong] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return wrong == std::errc() && stopped == end ? std::optional(step) : std::nullopt;
}

}  // namespace

std::vector<int64_t> checkpoint_steps(const RunPaths& paths) {
  std::vector<int64_t> steps;
  std::error_code none;  // no directory, no checkpoints
  for (const fs::directory_entry& entry : fs::directory_iterator(paths.checkpoints(), none))
    if (const auto step = step_of(entry.path().filename().string())) steps.push_back(*step);
  std::sort(steps.begin(), steps.end());
  return steps;
}

std::vector<int64_t> whole_checkpoint_steps(const RunPaths& paths) {
  std::vector<int64_t> steps = checkpoint_steps(paths);
  std::erase_if(steps, [&](int64_t step) {
    std::error_code none;
    return !fs::exists(paths.checkpoints() / fmt::format("step-{:08}", step) / "manifest.json", none);
  });
  return steps;
}

namespace {

/// Nothing where there is none, or one that this version cannot read: then the ranks find out, by the checkpoint.
std::optional<Plan> plan_before(const RunPaths& run) try {
  std::error_code none;
  return fs::exists(run.plan(), none) ? std::optional(read_plan(run.plan())) : std::nullopt;
} catch (const Error&) {
  return std::nullopt;
}

void check_same_model(const Plan& plan) {
  const RunPaths run(plan.dir);
  const std::optional<Plan> before = whole_checkpoint_steps(run).empty() ? std::nullopt : plan_before(run);
  if (!before) return;
  std::vector<std::string> refused;
  for (const ResumeChange& change : resume_changes(before->model, to_json(before->config), before->layout, plan))
    if (change.refused) refused.push_back(fmt::format("{} {} -> {}", change.key, change.was, change.is));
  if (!refused.empty())
    throw Error(Exit::config, "run '{}' has checkpoints of another model: {}", plan.name, fmt::join(refused, ", "))
        .hint("leave the model as it was, or --set run.dir=outputs/another");
}

}  // namespace

void check_resume(const Plan& plan) {
  const std::string& path = plan.config.checkpoint.resume;
  std::error_code none;
  if (path == "auto") check_same_model(plan);
  if (path == "never" && !read_record(RunPaths(plan.dir).record()).attempts.empty())
    throw Error(Exit::config, "checkpoint.resume is never, but '{}' was used before", plan.dir)
        .hint("--set checkpoint.resume=auto goes on from there; --set run.dir=outputs/another starts afresh");
  if (path == "auto" || path == "never" || fs::exists(fs::path(path) / "manifest.json", none)) return;
  Error error(Exit::no_checkpoint, "checkpoint.resume '{}' is no checkpoint: it has no manifest.json", path);
  if (const RunPaths run{path}; !checkpoint_steps(run).empty())
    throw std::move(error).hint("that is a run; its newest is --set checkpoint.resume={}",
                                (run.checkpoints() / fmt::format("step-{:08}", checkpoint_steps(run).back())).string());
  throw std::move(error).hint("a directory such as outputs/RUN/checkpoints/step-00000100: llmrun checkpoint list RUN");
}

}  // namespace llmrun
