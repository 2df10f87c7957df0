#include "launcher/launch/openmpi_deaths.h"

#include <regex>

namespace llmrun {

/// Reports come in two parts, on one line or on two: which process, and how it ended.
///   mpirun noticed that process rank 1 with PID 7 on node n1 exited on signal 9 (Killed).
///     Process name: [[23716,1],1]          or, from PRRTE, [prterun-n1-4711@1,1]
///     Exit code:    3
///   MPI_ABORT was invoked on rank 1 in communicator MPI_COMM_WORLD
///   with errorcode 5.
/// Of a host that fell silent they name the daemon there, Open MPI 4 and PRRTE in these words:
///     Remote daemon: [[30362,0],1] on node node-b
std::optional<RankDeath> OpenMpiDeaths::take(std::string_view view) {
  if (!speaks_of_an_end(view)) return {};  // regular expressions are slow, and training writes many lines
  static const std::regex kWho(R"(process rank (\d+) with PID \d+ on node (\S+)|Process name: \[(?:\[\d+,\d+\]|[^\]]*@\d+),(\d+)\])"
                               R"(|MPI_ABORT was invoked on rank (\d+))");
  static const std::regex kHow(R"((signal|Exit code:|with errorcode)\s+(\d+))");
  static const std::regex kLost(R"(^\s*Remote daemon: \[\S+\] on node (\S+))");
  const std::string line(view);
  std::smatch found;
  if (std::regex_search(line, found, kLost)) return RankDeath{.rank = {}, .host = found[1], .host_lost = true};
  if (std::regex_search(line, found, kWho)) {
    const int group = found[1].matched ? 1 : found[3].matched ? 3 : 4;
    pending_ = RankDeath{std::stoll(found[group]), found[2]};
  }
  if (!pending_ || !std::regex_search(line, found, kHow)) return {};
  (found[1] == "signal" ? pending_->signal : pending_->code) = std::stoi(found[2]);
  return std::exchange(pending_, std::nullopt);
}

bool OpenMpiDeaths::speaks_of_an_end(std::string_view line) const {
  if (line.size() > 400) return false;
  for (const std::string_view start : {"noticed that process rank", "Process name: [", "MPI_ABORT was invoked", "Remote daemon: ["})
    if (line.find(start) != std::string_view::npos) return true;
  return pending_.has_value();
}

}  // namespace llmrun
