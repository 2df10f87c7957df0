#include "engine/core/layout.h"

#include <algorithm>
#include <cassert>
#include <numeric>

namespace llmrun {

std::string_view axis_name(Axis axis) {
  constexpr std::array<std::string_view, 5> names{"tensor", "sequence", "context", "data", "pipeline"};
  return names[static_cast<size_t>(axis)];
}

int64_t Layout::size(Axis axis) const { return std::array{tensor, sequence_size, context, data, pipeline}[static_cast<size_t>(axis)]; }

int64_t& Coordinates::operator[](Axis axis) {
  return *std::array{&tensor, &sequence, &context, &data, &pipeline}[static_cast<size_t>(axis)];
}
int64_t Coordinates::operator[](Axis axis) const { return const_cast<Coordinates&>(*this)[axis]; }

Coordinates coordinates(const Layout& layout, int64_t rank) {
  assert(0 <= rank && rank < layout.ranks());
  Coordinates where;
  for (Axis axis : kAxes) {
    where[axis] = rank % layout.size(axis);
    rank /= layout.size(axis);
  }
  return where;
}

int64_t rank_of(const Layout& layout, const Coordinates& where) {
  int64_t rank = 0, stride = 1;
  for (Axis axis : kAxes) {
    rank += where[axis] * stride;
    stride *= layout.size(axis);
  }
  return rank;
}

std::vector<int64_t> group(const Layout& layout, int64_t rank, const std::vector<Axis>& axes) {
  std::vector<Coordinates> members{coordinates(layout, rank)};
  for (Axis axis : axes) {
    std::vector<Coordinates> wider;
    for (const Coordinates& member : members)
      for (int64_t i = 0; i < layout.size(axis); ++i) {
        wider.push_back(member);
        wider.back()[axis] = i;
      }
    members = std::move(wider);
  }
  std::vector<int64_t> ranks;
  for (const Coordinates& member : members) ranks.push_back(rank_of(layout, member));
  std::sort(ranks.begin(), ranks.end());
  return ranks;
}

Interval part(int64_t total, int64_t parts, int64_t index) {
  const int64_t each = total / parts, more = total % parts;
  const int64_t begin = index * each + std::min(index, more);
  return {begin, begin + each + (index < more ? 1 : 0)};
}

Interval part_layers(int64_t layers, int64_t parts, int64_t index, const std::vector<int64_t>& layers_per_stage) {
  if (layers_per_stage.empty()) return part(layers, parts, index);
  const int64_t begin = std::accumulate(layers_per_stage.begin(), layers_per_stage.begin() + index, int64_t{0});
  return {begin, begin + layers_per_stage[index]};
}

}  // namespace llmrun
