#include "launcher/follow/rank_list.h"

#include <set>

#include "engine/core/error.h"
#include "engine/core/units.h"

namespace llmrun {

std::vector<int64_t> parse_ranks(std::string_view text, int64_t ranks) {
  std::set<int64_t> chosen;
  if (text == "all") text = {};
  if (text.empty())
    for (int64_t rank = 0; rank < ranks; ++rank) chosen.insert(rank);
  for (size_t begin = 0; begin < text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    const std::string_view range = text.substr(begin, comma - begin);
    begin = comma + 1;
    const size_t dash = range.find('-');
    const auto first = parse_integer(range.substr(0, dash)),
               last = dash == std::string_view::npos ? first : parse_integer(range.substr(dash + 1));
    if (!first || !last || *first > *last)
      throw Error(Exit::usage, "'{}' is no rank and no range of ranks", range).hint("-r 0, -r 0,8-11 or -r all");
    if (*last >= ranks) throw Error(Exit::usage, "no rank {}: the run has {}", *last, ranks).hint("-r 0-{}", ranks - 1);
    for (int64_t rank = *first; rank <= *last; ++rank) chosen.insert(rank);
  }
  return {chosen.begin(), chosen.end()};
}

}  // namespace llmrun
