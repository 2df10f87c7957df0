#include "engine/checkpoint/piece.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace llmrun {

std::string_view kind_name(Kind kind) {
  switch (kind) {
    case Kind::weight:
      return "weight";
    case Kind::exp_avg:
      return "exp_avg";
    case Kind::exp_avg_sq:
      return "exp_avg_sq";
  }
  return "";
}

std::string slice_name(const Slice& slice) {
  const auto& [rows, columns] = slice.box;
  return fmt::format("{}/{}@{}:{},{}:{}+{}:{}", kind_name(slice.kind), slice.tensor, rows.begin, rows.end, columns.begin, columns.end,
                     slice.flat.begin, slice.flat.end);
}

namespace {

/// Takes "begin:end" off the front of `text`.
std::optional<Interval> take_interval(std::string_view& text) {
  Interval interval;
  const char* const end = text.data() + text.size();
  const auto begin_end = std::from_chars(text.data(), end, interval.begin);
  if (begin_end.ec != std::errc() || begin_end.ptr == end || *begin_end.ptr != ':') return {};
  const auto end_end = std::from_chars(begin_end.ptr + 1, end, interval.end);
  if (end_end.ec != std::errc()) return {};
  text.remove_prefix(static_cast<size_t>(end_end.ptr - text.data()));
  return interval;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Slice> parse_slice_name(std::string_view name) {
  const size_t slash = name.find('/'), at = name.rfind('@');
  if (slash == std::string_view::npos || at == std::string_view::npos || at < slash) return {};
  const auto kind = std::find_if(kKinds.begin(), kKinds.end(), [&](Kind kind) { return kind_name(kind) == name.substr(0, slash); });
  std::string_view rest = name.substr(at + 1);
  const auto rows = take_interval(rest);
  const auto columns = rows && take(rest, ',') ? take_interval(rest) : std::nullopt;
  const auto flat = columns && take(rest, '+') ? take_interval(rest) : std::nullopt;
  if (kind == kKinds.end() || !flat || !rest.empty()) return {};
  return Slice{std::string(name.substr(slash + 1, at - slash - 1)), *kind, 0, 0, {*rows, *columns}, *flat};
}

std::vector<Piece> unit_pieces(const UnitParameters& unit, Kind kind, Interval shard, float* data, Ownership ownership) {
  std::vector<Piece> pieces;
  for (const Segment& segment : unit.segments) {
    if (ownership == Ownership::owned && !segment.owned) continue;
    const int64_t begin = std::max(segment.offset, shard.begin);
    const int64_t end = std::min(segment.offset + segment.elements(), shard.end);
    if (begin >= end) continue;
    const TensorInfo& tensor = unit.tensors[static_cast<size_t>(segment.tensor)];
    const Interval flat{begin - segment.offset, end - segment.offset};
    pieces.push_back({{tensor.name, kind, tensor.rows, tensor.columns, segment.box, flat}, data + (begin - shard.begin)});
  }
  return pieces;
}

}  // namespace llmrun
