#include "engine/core/rank_process.h"

#include <fmt/format.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>

namespace llmrun {
namespace {

constexpr std::string_view kMark = "llmrun-rank process: ";

}  // namespace

void announce_process(int64_t rank) {
  const char* launcher = std::getenv("LLMRUN_LAUNCHER");
  if (launcher == nullptr || launcher != std::string_view("hydra")) return;
  const char* host = std::getenv("PMI_HOSTNAME");
  const std::string line = to_line({rank, ::getpid(), host != nullptr ? host : ""}) + "\n";
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, line.data(), line.size());  // one write: lines of ranks do not mix
}

std::string to_line(const RankProcess& process) { return fmt::format("{}{} {} {}", kMark, process.rank, process.pid, process.host); }

std::optional<RankProcess> rank_process_in(std::string_view line) {
  if (!line.starts_with(kMark)) return {};
  line.remove_prefix(kMark.size());
  const char* const end = line.data() + line.size();
  RankProcess process;
  const auto rank = std::from_chars(line.data(), end, process.rank);
  if (rank.ec != std::errc() || rank.ptr == end) return {};
  const auto pid = std::from_chars(rank.ptr + 1, end, process.pid);
  if (pid.ec != std::errc() || pid.ptr == end) return {};
  process.host.assign(pid.ptr + 1, end);
  return process;
}

}  // namespace llmrun
