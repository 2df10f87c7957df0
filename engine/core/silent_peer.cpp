#include "engine/core/silent_peer.h"

#include <fmt/format.h>

namespace llmrun {
namespace {

constexpr std::string_view kSilent = " is gone: nothing was heard for ";

}  // namespace

std::string silent_peer(std::string_view peer, int silence_s) {
  return fmt::format("{}{}{} s, so its host or the link to it is down", peer, kSilent, silence_s);
}

std::optional<std::string> silent_host_in(std::string_view what) {
  const size_t end = what.find(kSilent);
  if (end == std::string_view::npos) return std::nullopt;
  const size_t start = what.substr(0, end).rfind(' ');
  return std::string(what.substr(start + 1, end - start - 1));  // npos + 1 is 0
}

}  // namespace llmrun
