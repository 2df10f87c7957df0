#include "engine/train/resume.h"

#include <fmt/ranges.h>

#include <optional>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/huggingface.h"
#include "engine/core/error.h"
#include "engine/core/resume_changes.h"
#include "engine/model/initial_weights.h"
#include "engine/parallel/agreement.h"

namespace llmrun {
namespace {

/// A checkpoint that this model can go on from: throws Error(Exit::config) for one of another model, on every rank; rank 0 tells what else
/// is not as it was.
Progress load_fitting(Model& model, const Mesh& mesh, const Plan& plan, const std::filesystem::path& directory, spdlog::logger& log) {
  const CheckpointReader reader(directory);
  const Snapshot& saved = reader.snapshot();
  std::vector<std::string> refused;
  for (const ResumeChange& change : resume_changes(saved.model, saved.config, saved.layout, plan)) {
    const std::string shown = fmt::format("{} {} -> {}", change.key, change.was, change.is);
    if (change.refused)
      refused.push_back(shown);
    else if (mesh.rank() == 0)
      log.warn("{}, other than in the checkpoint that this run goes on from", shown);
  }
  if (!refused.empty())
    throw Error(Exit::config, "checkpoint '{}' is of another model: {}", directory.string(), fmt::join(refused, ", "))
        .hint("leave the model as it was, or --set run.dir=outputs/another");
  return load_state(model, plan, reader);
}

/// The newest checkpoint of the run that every rank could load; nullopt when it has none.
std::optional<Progress> load_newest(Model& model, const Mesh& mesh, const Plan& plan, const RunPaths& paths, spdlog::logger& log) {
  const at::Device device = model.stage().device;
  std::vector<Rejected> rejected;
  for (;;) {
    std::string name;
    if (mesh.rank() == 0) {
      if (const auto found = find_checkpoint(paths.checkpoints(), rejected)) {
        name = found->directory.string();
        for (const std::string& note : found->notes) log.warn("{}", note);
      }
    }
    name = rank_0_text(mesh, name, device);
    if (name.empty()) return std::nullopt;
    std::string why;
    std::optional<Progress> progress;
    try {
      progress = load_fitting(model, mesh, plan, name, log);
    } catch (const Error& error) {
      if (error.code() != Exit::no_checkpoint) throw;
      why = error.what();
    }
    if (all_agree(mesh, progress.has_value(), device)) {
      log.info("goes on from '{}'", name);
      return progress;
    }
    rejected.push_back({std::filesystem::path(name).filename().string(), first_text(mesh, why, device)});
  }
}

}  // namespace

Progress restore(Model& model, const Mesh& mesh, const Plan& plan, const RunPaths& paths, spdlog::logger& log) {
  const std::string& resume = plan.config.checkpoint.resume;
  if (resume == "auto") {
    if (const auto progress = load_newest(model, mesh, plan, paths, log)) return *progress;
  } else if (resume != "never") {
    log.info("goes on from '{}'", resume);
    return load_fitting(model, mesh, plan, resume, log);
  }
  if (!plan.config.model.from.empty()) {
    log.info("weights from '{}'", plan.config.model.from);
    load_weights(model, HuggingFaceSource(plan.config.model.from, plan.model));
  } else {
    for (ShardedState& state : model.states()) initialise(state, static_cast<uint64_t>(plan.config.run.seed));
    model.publish();
  }
  return {.loss_scale = loss_scale(plan.config.train)};
}

}  // namespace llmrun
