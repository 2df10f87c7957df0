#include "launcher/report/run_summary.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <fstream>

namespace llmrun {
namespace {

namespace fs = std::filesystem;
constexpr std::streamoff kEnd = 65536;  // bytes that are looked at; a line of metrics has about 600
constexpr size_t kFewMetrics = 3;       // lines: the last may be torn, the first cut

std::optional<int64_t> step_of(const std::string& name) {
  constexpr std::string_view kPrefix = "step-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  int64_t step = 0;
  const char* end = name.data() + name.size();
  const auto [stopped, wrong] = std::from_chars(name.data() + kPrefix.size(), end, step);
  return wrong == std::errc() && stopped == end ? std::optional(step) : std::nullopt;
}

}  // namespace

CheckpointList list_checkpoints(const RunPaths& paths) {
  CheckpointList list;
  std::error_code none;
  for (const fs::directory_entry& entry : fs::directory_iterator(paths.checkpoints(), none))
    if (const auto step = step_of(entry.path().filename().string()); step && fs::exists(entry.path() / "manifest.json", none))
      list.steps.push_back(*step);
  std::sort(list.steps.begin(), list.steps.end());
  return list;
}

std::vector<std::string> last_lines_of(const fs::path& file, size_t most) {
  std::ifstream in(file, std::ios::binary);
  in.seekg(0, std::ios::end);
  if (!in) return {};
  in.seekg(std::max<std::streamoff>(0, in.tellg() - kEnd));
  std::deque<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > most) lines.pop_front();
  }
  return {lines.begin(), lines.end()};
}

json last_metrics(const RunPaths& paths) {
  json last;
  for (const std::string& line : last_lines_of(paths.metrics(), kFewMetrics)) {
    json metrics = json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (metrics.is_object()) last = std::move(metrics);
  }
  return last;
}

std::optional<Plan> plan_of_run(const RunPaths& paths) {
  std::error_code none;
  if (!fs::exists(paths.plan(), none)) return std::nullopt;
  try {
    return read_plan(paths.plan());
  } catch (const Error&) {  // of another version, or damaged: what else there is can still be shown
    return std::nullopt;
  }
}

std::optional<Failure> failure_of_attempt(const RunPaths& paths, const Attempt& attempt, const std::optional<Plan>& plan) {
  if (!attempt.exit || *attempt.exit == 0 || *attempt.exit == static_cast<int>(Exit::resubmit)) return std::nullopt;
  Launch launch;
  if (plan) launch.hosts = plan->hosts;
  Ending ending;
  ending.exit_code = *attempt.exit;
  return find_failure(paths, attempt.number, launch, ending);
}

}  // namespace llmrun
