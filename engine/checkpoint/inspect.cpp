#include "engine/checkpoint/inspect.h"

#include <fmt/format.h>

#include "engine/checkpoint/directory.h"

namespace llmrun {

namespace fs = std::filesystem;

std::vector<CheckpointSummary> list_checkpoints(const fs::path& checkpoints) {
  std::vector<CheckpointSummary> list;
  for (const int64_t step : steps_in(checkpoints)) {
    CheckpointSummary& summary = list.emplace_back();
    summary.name = step_directory_name(step);
    summary.step = step;
    try {
      const CheckpointReader reader(checkpoints / summary.name);
      summary.time = reader.manifest().time;
      summary.bytes = reader.manifest().bytes();
      summary.layout = reader.snapshot().layout;
      reader.check_files();
    } catch (const Error& error) {
      summary.problem = error.what();
    }
  }
  return list;
}

fs::path checkpoints_of(const fs::path& run) {
  if (fs::is_directory(run / "checkpoints")) return run / "checkpoints";
  if (!steps_in(run).empty()) return run;
  throw Error(Exit::usage, "'{}' holds no checkpoints", run.string()).hint("name a run directory, as in outputs/NAME");
}

fs::path chosen_checkpoint(const fs::path& checkpoints, std::optional<int64_t> step, std::vector<std::string>& notes) {
  const std::vector<int64_t> steps = steps_in(checkpoints);
  if (step) {
    if (std::find(steps.begin(), steps.end(), *step) == steps.end())
      throw Error(Exit::no_checkpoint, "'{}' has no checkpoint of step {}", checkpoints.string(), *step)
          .hint("there are steps {}", fmt::join(steps, ", "));
    return checkpoints / step_directory_name(*step);
  }
  const auto found = find_checkpoint(checkpoints);
  if (!found) throw Error(Exit::no_checkpoint, "'{}' has no checkpoint yet", checkpoints.string());
  notes = found->notes;
  return found->directory;
}

json to_json(const CheckpointSummary& summary) {
  json document{{"name", summary.name}, {"step", summary.step}, {"complete", summary.problem.empty()}};
  if (summary.bytes > 0) document.update({{"time", summary.time}, {"bytes", summary.bytes}, {"layout", layout_json(summary.layout)}});
  if (!summary.problem.empty()) document["problem"] = summary.problem;
  return document;
}

json summary_json(const CheckpointReader& reader) {
  const Manifest& manifest = reader.manifest();
  const Snapshot& snapshot = manifest.snapshot;
  json files = json::array();
  for (const FileRecord& file : manifest.files) files.push_back({{"name", file.name}, {"bytes", file.bytes}});
  return {{"name", reader.directory().filename().string()},
          {"directory", reader.directory().string()},
          {"step", snapshot.step},
          {"samples", snapshot.samples},
          {"tokens", snapshot.tokens},
          {"seed", snapshot.seed},
          {"time", manifest.time},
          {"bytes", manifest.bytes()},
          {"parameters", parameter_count(snapshot.model)},
          {"tensors", model_tensors(snapshot.model).size()},
          {"layout", layout_json(snapshot.layout)},
          {"model", model_json(snapshot.model)},
          {"config", snapshot.config},
          {"files", files}};
}

}  // namespace llmrun
