#include "launcher/follow/rank_list.h"

#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>
#include <set>

#include "engine/core/error.h"
#include "engine/core/units.h"

namespace llmrun {
namespace {

std::vector<std::string> split_at_commas(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    const size_t comma = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, comma - begin));
    begin = comma + 1;
  }
  return parts;
}

bool fits(const std::string& pattern, const std::string& host) {
  return ::fnmatch(pattern.c_str(), host.c_str(), 0) == 0 || ::fnmatch(pattern.c_str(), host.substr(0, host.find('.')).c_str(), 0) == 0;
}

std::string some_names(const std::vector<PlanHost>& hosts) {
  std::vector<std::string> names;
  for (const PlanHost& host : hosts)
    if (names.size() < 4) names.push_back(host.name);
  return fmt::format("{}{}", fmt::join(names, ", "), hosts.size() > names.size() ? ", ..." : "");
}

}  // namespace

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

std::vector<int64_t> ranks_on_hosts(const std::string& patterns, const std::vector<PlanHost>& hosts) {
  const std::vector<std::string> list = split_at_commas(patterns);
  std::vector<int64_t> ranks;
  int64_t first = 0;
  for (const PlanHost& host : hosts) {
    if (std::any_of(list.begin(), list.end(), [&](const std::string& pattern) { return fits(pattern, host.name); }))
      for (int64_t i = 0; i < host.slots; ++i) ranks.push_back(first + i);
    first += host.slots;
  }
  if (ranks.empty()) throw Error(Exit::usage, "no host fits '{}'", patterns).hint("the run's hosts: {}", some_names(hosts));
  return ranks;
}

}  // namespace llmrun
