#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

namespace llmrun {

/// The axes of the mesh, in rank order, fastest first.
enum class Axis { tensor, sequence, context, data, pipeline };
inline constexpr std::array<Axis, 5> kAxes{Axis::tensor, Axis::sequence, Axis::context, Axis::data, Axis::pipeline};
std::string_view axis_name(Axis axis);

/// How many ranks stand along each axis. Pure arithmetic: a layout of 100,000 ranks costs nothing.
/// rank = t + tensor * (s + sequence_size * (c + context * (d + data * p))).
struct Layout {
  int64_t tensor = 1;
  int64_t sequence_size = 1;
  int64_t context = 1;
  int64_t data = 1;
  int64_t pipeline = 1;

  int64_t size(Axis axis) const;
  int64_t ranks() const { return tensor * sequence_size * context * data * pipeline; }
  friend bool operator==(const Layout&, const Layout&) = default;
};

/// Where a rank stands on each axis.
struct Coordinates {
  int64_t tensor = 0;
  int64_t sequence = 0;
  int64_t context = 0;
  int64_t data = 0;
  int64_t pipeline = 0;

  int64_t& operator[](Axis axis);
  int64_t operator[](Axis axis) const;
  friend bool operator==(const Coordinates&, const Coordinates&) = default;
};

/// REQUIRES 0 <= rank < layout.ranks().
Coordinates coordinates(const Layout& layout, int64_t rank);
int64_t rank_of(const Layout& layout, const Coordinates& where);

/// The ranks that differ from `rank` along `axes` only, ascending; `rank` is among them. With {data, context, sequence} this is the
/// group that shares gradients.
std::vector<int64_t> group(const Layout& layout, int64_t rank, const std::vector<Axis>& axes);

/// Where part `index` of `parts` of `total` things begins and ends: as even as can be, the first parts get one more.
struct Interval {
  int64_t begin = 0;
  int64_t end = 0;
  int64_t size() const { return end - begin; }
  friend bool operator==(const Interval&, const Interval&) = default;
};
Interval part(int64_t total, int64_t parts, int64_t index);

/// The layers of a part of the model: `layers_per_stage` where it is given (REQUIRES one entry a part, summing to `layers`), else part().
Interval part_layers(int64_t layers, int64_t parts, int64_t index, const std::vector<int64_t>& layers_per_stage);

}  // namespace llmrun
