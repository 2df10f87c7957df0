#include "engine/core/lr_schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "engine/core/error.h"

namespace llmrun {

double learning_rate(const LrPlan& plan, int64_t step) {
  if (plan.schedule == LrSchedule::wsd) {
    throw Error(Exit::config, "optimizer.schedule 'wsd' is not built").hint("cosine, linear or constant");
  }
  if (step <= plan.warmup_steps) return plan.lr * static_cast<double>(step) / static_cast<double>(plan.warmup_steps);
  const auto falling_steps = static_cast<double>(std::max<int64_t>(1, plan.steps - plan.warmup_steps));
  const double fallen = std::min(1.0, static_cast<double>(step - plan.warmup_steps) / falling_steps);
  switch (plan.schedule) {
    case LrSchedule::cosine:
      return plan.min_lr + 0.5 * (plan.lr - plan.min_lr) * (1.0 + std::cos(std::numbers::pi * fallen));
    case LrSchedule::linear:
      return plan.lr + (plan.min_lr - plan.lr) * fallen;
    default:
      return plan.lr;
  }
}

}  // namespace llmrun
