#include "launcher/follow/console.h"

#include <fmt/format.h>

#include <cmath>

#include "engine/core/units.h"

namespace llmrun {

std::string progress_line(const StepMetrics& step, int64_t steps, double seconds_a_step) {
  const auto left = static_cast<int64_t>(std::llround(static_cast<double>(std::max<int64_t>(0, steps - step.step)) * seconds_a_step));
  std::string text =
      fmt::format("step {}/{}  loss {:.4f}  {} tokens/s  MFU {}  ETA {}", step.step, steps, step.loss, human_count(step.tokens_per_s),
                  step.mfu ? fmt::format("{:.1f}%", 100 * *step.mfu) : "-", format_duration(left));
  if (step.valid_loss) text += fmt::format("  valid_loss {:.4f}", *step.valid_loss);
  return text;
}

Console::Console(ConsoleStyle style, const std::filesystem::path& metrics, int64_t steps, int64_t every_steps)
    : style_(std::move(style)), metrics_(metrics), steps_(steps), every_steps_(every_steps) {}

void Console::line(std::string_view text) {
  style_.log(text);
  erase();
  style_.write(style_.harmless(text) + "\n");
  draw();
}

void Console::draw() {
  if (!live_.empty()) style_.write(live_.substr(0, style_.columns() - 1));
}

void Console::erase() {
  if (!live_.empty()) style_.write("\r\033[K");
}

void Console::take(const StepMetrics& step) {
  mean_step_s_ = mean_step_s_ == 0 ? step.step_time_s : 0.9 * mean_step_s_ + 0.1 * step.step_time_s;
  const std::string text = progress_line(step, steps_, mean_step_s_);
  const bool due = step.step % every_steps_ == 0 || step.step == steps_ || step.valid_loss;
  if (due) style_.log(text);
  if (!style_.terminal) {
    if (due) style_.write(text + "\n");
    return;
  }
  live_ = text;
  if (!step.valid_loss) return;
  style_.write(text + "\n");  // an evaluation stays on the screen
  live_.clear();
}

void Console::tick() {
  const std::vector<StepMetrics> fresh = metrics_.next();
  if (!fresh.empty()) erase();
  for (const StepMetrics& step : fresh) take(step);
  if (!fresh.empty()) draw();
}

void Console::finish() {
  tick();
  if (live_.size() >= style_.columns()) erase(), style_.write(live_);
  if (!live_.empty()) style_.write("\n");
  live_.clear();
}

}  // namespace llmrun
