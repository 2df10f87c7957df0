#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace llmrun {

/// Which process a rank is. Hydra tells of a death by pid and host alone, so under it every rank says this in its first line.
struct RankProcess {
  int64_t rank = 0;
  int64_t pid = 0;
  std::string host;  // as the launcher calls it
};

/// Prints the line where LLMRUN_LAUNCHER is hydra; the launcher keeps it from the screen.
void announce_process(int64_t rank);

std::string to_line(const RankProcess& process);
/// Nothing where the line says no such thing.
std::optional<RankProcess> rank_process_in(std::string_view line);

}  // namespace llmrun
