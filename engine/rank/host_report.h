#pragma once
#include <filesystem>
#include <optional>
#include <string>

#include "engine/core/json.h"

namespace llmrun {

/// How fast bytes reach a directory; `error` where they do not.
struct WriteSpeed {
  double bytes_per_s = 0;
  std::string error;
};

/// Writes `most_bytes` to a file of its own in `directory`, but for two seconds at most, syncs it and takes it away again.
WriteSpeed write_speed(const std::filesystem::path& directory, int64_t most_bytes);

/// {"open_files", "locked_bytes", "core_bytes"}: this process's soft limits, null for none.
json limits_json();

/// Cores that this process may run on.
int usable_cores();

std::string host_name();

}  // namespace llmrun
