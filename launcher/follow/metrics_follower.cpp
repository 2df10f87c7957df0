#include "launcher/follow/metrics_follower.h"

#include <fstream>

#include "engine/core/json.h"

namespace llmrun {
namespace {

std::optional<double> number(const json& document, const char* key) {
  const auto found = document.find(key);
  if (found == document.end() || !found->is_number()) return {};
  return found->get<double>();
}

/// Behind the last newline of a file: what follows is torn, and the next writer takes it away.
int64_t end_of_whole_lines(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  int64_t end = stream ? static_cast<int64_t>(stream.tellg()) : 0;
  for (char last = 0; end > 0 && stream.seekg(end - 1).get(last) && last != '\n';) --end;
  return end;
}

}  // namespace

std::optional<StepMetrics> parse_step(std::string_view line) {
  const json document = json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object() || !document.contains("step") || !document["step"].is_number_integer()) return {};
  StepMetrics step{document["step"].get<int64_t>()};
  step.loss = number(document, "loss").value_or(0);
  step.tokens_per_s = number(document, "tokens_per_s").value_or(0);
  step.step_time_s = number(document, "step_time_s").value_or(0);
  step.mfu = number(document, "mfu");
  step.valid_loss = number(document, "valid_loss");
  return step;
}

MetricsFollower::MetricsFollower(std::filesystem::path file) : file_(std::move(file)), offset_(end_of_whole_lines(file_)) {}

std::vector<StepMetrics> MetricsFollower::next() {
  std::vector<StepMetrics> steps;
  std::error_code none;
  const auto size = static_cast<int64_t>(std::filesystem::file_size(file_, none));
  if (none || size == offset_) return steps;
  if (size < offset_) offset_ = 0;  // another file in its place
  std::ifstream stream(file_, std::ios::binary);
  stream.seekg(offset_);
  std::string fresh(static_cast<size_t>(size - offset_), '\0');
  stream.read(fresh.data(), static_cast<std::streamsize>(fresh.size()));
  fresh.resize(static_cast<size_t>(stream.gcount()));
  size_t begin = 0;
  for (size_t end; (end = fresh.find('\n', begin)) != std::string::npos; begin = end + 1)
    if (auto step = parse_step(std::string_view(fresh).substr(begin, end - begin))) steps.push_back(*step);
  offset_ += static_cast<int64_t>(begin);
  return steps;
}

}  // namespace llmrun
