#include "engine/train/resume.h"

#include <optional>

#include "engine/checkpoint/directory.h"
#include "engine/checkpoint/huggingface.h"
#include "engine/core/error.h"
#include "engine/model/initial_weights.h"
#include "engine/parallel/agreement.h"

namespace llmrun {
namespace {

/// The newest checkpoint of the run that every rank could load; nullopt when it has none.
std::optional<Progress> load_newest(Model& model, const Mesh& mesh, const RunPaths& paths, spdlog::logger& log) {
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
      progress = load_state(model, name);
    } catch (const Error& error) {
      if (error.code() != Exit::no_checkpoint) throw;
      why = error.what();
      log.warn("cannot use checkpoint '{}': {}", name, why);
    }
    if (all_agree(mesh, progress.has_value(), device)) {
      log.info("goes on from '{}'", name);
      return progress;
    }
    rejected.push_back({std::filesystem::path(name).filename().string(), why.empty() ? "another rank could not read it" : why});
  }
}

}  // namespace

Progress restore(Model& model, const Mesh& mesh, const Plan& plan, const RunPaths& paths, spdlog::logger& log) {
  const std::string& resume = plan.config.checkpoint.resume;
  if (resume == "auto") {
    if (const auto progress = load_newest(model, mesh, paths, log)) return *progress;
  } else if (resume != "never") {
    log.info("goes on from '{}'", resume);
    return load_state(model, resume);
  }
  if (!plan.config.model.from.empty()) {
    log.info("weights from '{}'", plan.config.model.from);
    load_weights(model, HuggingFaceSource(plan.config.model.from, plan.model));
  } else {
    for (ShardedState& state : model.states()) initialise(state, static_cast<uint64_t>(plan.config.run.seed));
    model.publish();
  }
  return {};
}

}  // namespace llmrun
