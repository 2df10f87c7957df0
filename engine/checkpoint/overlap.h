#pragma once
#include <algorithm>

#include "engine/checkpoint/piece.h"

namespace llmrun {

/// Calls run(from, to, count) for every longest run of elements that two slices of one tensor share and that lies contiguous in both:
/// `from` and `to` count elements from the first one of each slice. Slices as wide as each other share one run, others one a row.
template <typename Run>
void for_each_overlap(const Slice& from, const Slice& to, Run run) {
  const Box &a = from.box, &b = to.box;
  if (a.columns == b.columns) {
    const int64_t width = a.columns.size(), shift = (a.rows.begin - b.rows.begin) * width;  // of a's first element, inside b
    const int64_t begin = std::max(from.flat.begin + shift, to.flat.begin), end = std::min(from.flat.end + shift, to.flat.end);
    if (begin < end) run(begin - shift - from.flat.begin, begin - to.flat.begin, end - begin);
    return;
  }
  const Interval columns{std::max(a.columns.begin, b.columns.begin), std::min(a.columns.end, b.columns.end)};
  if (columns.begin >= columns.end || from.flat.size() <= 0 || to.flat.size() <= 0) return;
  // The rows that both flat intervals reach.
  const auto rows_of = [](const Slice& slice) {
    const int64_t width = slice.box.columns.size(), first = slice.box.rows.begin;
    return Interval{first + slice.flat.begin / width, first + (slice.flat.end - 1) / width + 1};
  };
  const Interval rows_a = rows_of(from), rows_b = rows_of(to);
  for (int64_t row = std::max(rows_a.begin, rows_b.begin); row < std::min(rows_a.end, rows_b.end); ++row) {
    // Adding `shift` to a column of the tensor gives the element inside the box.
    const int64_t shift_a = (row - a.rows.begin) * a.columns.size() - a.columns.begin;
    const int64_t shift_b = (row - b.rows.begin) * b.columns.size() - b.columns.begin;
    const int64_t begin = std::max({columns.begin, from.flat.begin - shift_a, to.flat.begin - shift_b});
    const int64_t end = std::min({columns.end, from.flat.end - shift_a, to.flat.end - shift_b});
    if (begin < end) run(begin + shift_a - from.flat.begin, begin + shift_b - to.flat.begin, end - begin);
  }
}

}  // namespace llmrun
