#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/layout.h"
#include "engine/core/parameters.h"

namespace llmrun {

/// What a checkpoint keeps of every parameter: the fp32 master weight and Adam's two moments (Kingma and Ba 2015).
enum class Kind { weight, exp_avg, exp_avg_sq };
inline constexpr std::array<Kind, 3> kKinds{Kind::weight, Kind::exp_avg, Kind::exp_avg_sq};
std::string_view kind_name(Kind kind);

/// Which elements of the model a run of memory holds: elements `flat` of box `box`, counted row-major inside the box. A tensor-parallel
/// slice is a box, a ZeRO shard of it an interval of that box: so any layout can say what it holds without knowing another.
struct Slice {
  std::string tensor;  // Hugging Face's name
  Kind kind = Kind::weight;
  int64_t rows = 0;  // of the whole canonical tensor (model_shape.h)
  int64_t columns = 1;
  Box box;
  Interval flat;
  friend bool operator==(const Slice&, const Slice&) = default;
};

/// A slice and its fp32 values: flat.size() floats, not owned. On the way out they are read, on the way in written.
struct Piece : Slice {
  float* data = nullptr;
};

/// Where weights come from: a checkpoint or a Hugging Face directory.
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  /// Fills every element of every destination or throws, naming what is missing or damaged. Destinations may overlap one another.
  /// After a throw some destinations are filled and some are not; no byte that failed its checksum is in any of them.
  virtual void load(const std::vector<Piece>& destinations) const = 0;
};

/// "exp_avg/model.norm.weight@0:64,0:1+0:32": the slice as a name, unique in a checkpoint. The shape of the whole tensor is not in it.
std::string slice_name(const Slice& slice);
/// The inverse, with rows and columns left 0; nullopt for anything else than such a name.
std::optional<Slice> parse_slice_name(std::string_view name);

enum class Ownership { owned, all };

/// The pieces of a unit that lie in elements `shard` of its buffer. `data` holds the shard (element shard.begin first), and the shard may
/// run into the padding behind the buffer. `owned` (for saving) leaves out the copies that another rank writes; loading wants `all`.
std::vector<Piece> unit_pieces(const UnitParameters& unit, Kind kind, Interval shard, float* data, Ownership ownership);

}  // namespace llmrun
