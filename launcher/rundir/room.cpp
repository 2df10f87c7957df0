#include "launcher/rundir/room.h"

#include <algorithm>
#include <filesystem>
#include <iterator>

#include "engine/core/memory.h"
#include "engine/core/run_paths.h"
#include "engine/core/units.h"
#include "launcher/rundir/checkpoints.h"

namespace llmrun {
namespace {

namespace fs = std::filesystem;

std::string bytes_shown(int64_t bytes) { return human_bytes(static_cast<double>(bytes)); }

}  // namespace

fs::path nearest_that_exists(fs::path path) {
  while (path.has_relative_path() && !fs::exists(path)) path = path.parent_path();
  return path;
}

int64_t checkpoints_at_once(const Plan& plan) {
  const CheckpointConfig& checkpoint = plan.config.checkpoint;
  const int64_t most = checkpoint.keep + 1;
  if (checkpoint.every_minutes > 0) return most;
  if (checkpoint.every_steps == 0) return 1;
  return std::min(most, (plan.steps + checkpoint.every_steps - 1) / checkpoint.every_steps);
}

void check_room(const Plan& plan) {
  std::error_code unknown;
  const fs::space_info space = fs::space(nearest_that_exists(plan.dir), unknown);
  if (unknown) return;  // a directory that cannot be reached is told by whoever makes it
  const int64_t each = checkpoint_bytes(plan.model);
  const int64_t count = std::max<int64_t>(1, checkpoints_at_once(plan) - std::ssize(checkpoint_steps(RunPaths(plan.dir))));
  const auto available = static_cast<int64_t>(space.available);
  if (available >= count * each) return;
  const int64_t keep = plan.config.checkpoint.keep;
  const bool fewer_would_do = count > 1 && keep > 1 && available >= 2 * each;
  throw Error(Exit::preflight, "no room for checkpoints in '{}': {} of {} need{} {}, and {} are left", plan.dir, count, bytes_shown(each),
              count == 1 ? "s" : "", bytes_shown(count * each), bytes_shown(available))
      .because(fmt::format("checkpoint.keep {} stand at once with the one that is being written", keep))
      .hint("df -h '{}'; free {}{}, or --set run.dir=DIRECTORY on another file system", nearest_that_exists(plan.dir).string(),
            bytes_shown(count * each - available), fewer_would_do ? ", or --set checkpoint.keep=1" : "");
}

}  // namespace llmrun
