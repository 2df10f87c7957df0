#include "engine/comm/call.h"

#include <fmt/format.h>

#include <array>

namespace llmrun {
namespace {

constexpr std::array<const char*, 7> kElements{"bytes", "float32", "bfloat16", "float16", "float64", "int64", "uint8"};
constexpr std::array<size_t, 7> kSizes{1, 4, 2, 2, 8, 8, 1};

}  // namespace

size_t size_of(Element element) { return kSizes[static_cast<size_t>(element)]; }

std::string describe(const Call& call) {
  std::string text(verb_name(call.verb));
  if (call.verb == Verb::barrier || call.verb == Verb::split) return text;
  text += fmt::format(" of {} {}", call.count, kElements[static_cast<size_t>(call.element)]);
  if (call.verb == Verb::broadcast) text += fmt::format(" from rank {}", call.root);
  if (call.verb == Verb::all_reduce || call.verb == Verb::reduce_scatter) text += call.how == Reduce::sum ? " (sum)" : " (max)";
  return text;
}

std::string describe_disagreement(int theirs_rank, const Call& theirs, int ours_rank, const Call& ours) {
  if (theirs.verb == Verb::message && ours.verb == Verb::message) {
    return fmt::format("rank {} sent {} bytes where rank {} receives {}", theirs_rank, theirs.count, ours_rank, ours.count);
  }
  return fmt::format("rank {} called {} where rank {} called {}", theirs_rank, describe(theirs), ours_rank, describe(ours));
}

}  // namespace llmrun
