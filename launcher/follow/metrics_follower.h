#pragma once
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace llmrun {

/// What the console shows of one line of metrics.jsonl.
struct StepMetrics {
  int64_t step = 0;
  double loss = 0;
  double tokens_per_s = 0;
  double step_time_s = 0;
  std::optional<double> mfu, valid_loss;
};

/// Nothing where the line is torn or is no step.
std::optional<StepMetrics> parse_step(std::string_view line);

/// Reads what is appended to metrics.jsonl, from where its last whole line ended when this was made. A line counts once its newline is
/// there.
class MetricsFollower {
 public:
  explicit MetricsFollower(std::filesystem::path file);
  std::vector<StepMetrics> next();

 private:
  std::filesystem::path file_;
  int64_t offset_ = 0;  // behind a newline
};

}  // namespace llmrun
