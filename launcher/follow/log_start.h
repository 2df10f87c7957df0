#pragma once
#include <cstdint>

#include "launcher/follow/log_line.h"

namespace llmrun {

/// Where the last `lines` lines of an open file of `size` bytes begin. A piece behind the last newline is no line.
int64_t start_of_last_lines(int descriptor, int64_t size, int64_t lines);

/// Where the first line that is not older than `since` begins, found by halving: the times of a log grow. Where they do not, or where long
/// parts have none, rather more is shown than less.
int64_t start_of_time(int descriptor, int64_t size, WallTime since);

}  // namespace llmrun
