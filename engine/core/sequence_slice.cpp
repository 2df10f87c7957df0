#include "engine/core/sequence_slice.h"

#include <algorithm>
#include <numeric>

namespace llmrun {

int64_t sequence_multiple(const Layout& layout) {
  const int64_t halves = layout.context > 1 ? 2 : 1;
  return layout.context * std::lcm(halves, layout.sequence_size);
}

std::vector<Interval> context_slice(int64_t seq_len, const Layout& layout, const Coordinates& where) {
  if (layout.context == 1) return {{0, seq_len}};
  const int64_t parts = 2 * layout.context;
  return {part(seq_len, parts, where.context), part(seq_len, parts, parts - 1 - where.context)};
}

std::vector<Interval> sequence_slice(int64_t seq_len, const Layout& layout, const Coordinates& where) {
  const Interval piece = part(seq_len / layout.context, layout.sequence_size, where.sequence);
  std::vector<Interval> slice;
  int64_t passed = 0;  // tokens of the context rank before this interval
  for (const Interval& interval : context_slice(seq_len, layout, where)) {
    const int64_t begin = std::max(piece.begin - passed, int64_t{0}), end = std::min(piece.end - passed, interval.size());
    if (begin < end) slice.push_back({interval.begin + begin, interval.begin + end});
    passed += interval.size();
  }
  return slice;
}

}  // namespace llmrun
