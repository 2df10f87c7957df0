#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "engine/checkpoint/manifest.h"

namespace llmrun {
namespace {

using BoxKey = std::tuple<int64_t, int64_t, int64_t, int64_t>;

bool overlap(Interval a, Interval b) { return a.begin < b.end && b.begin < a.end; }
bool overlap(const Box& a, const Box& b) { return overlap(a.rows, b.rows) && overlap(a.columns, b.columns); }
bool inside(Interval part, int64_t size) { return part.begin >= 0 && part.begin <= part.end && part.end <= size; }

std::string shown(const Box& box) {
  return fmt::format("[{}:{}, {}:{}]", box.rows.begin, box.rows.end, box.columns.begin, box.columns.end);
}

/// Why the flat intervals do not tile a box of `elements`; empty when they do.
std::string why_not_tiled(std::vector<Interval> flats, int64_t elements) {
  std::sort(flats.begin(), flats.end(), [](Interval a, Interval b) { return std::tie(a.begin, a.end) < std::tie(b.begin, b.end); });
  int64_t end = 0;
  for (const Interval& flat : flats) {
    if (flat.begin > end) return fmt::format("elements {} to {} are missing", end, flat.begin);
    if (flat.begin < end) return fmt::format("elements {} to {} are there twice", flat.begin, std::min(end, flat.end));
    end = flat.end;
  }
  return end == elements ? "" : fmt::format("elements {} to {} are missing", end, elements);
}

/// Why the pieces do not tile the tensor; empty when they do.
std::string why_not_tiled(const TensorRecord& tensor) {
  std::map<BoxKey, std::pair<Box, std::vector<Interval>>> boxes;
  for (const PieceRecord& piece : tensor.pieces) {
    const auto& [rows, columns] = piece.box;
    if (!inside(rows, tensor.rows) || !inside(columns, tensor.columns) || !inside(piece.flat, piece.box.elements()))
      return fmt::format("box {} is not inside [{}, {}]", shown(piece.box), tensor.rows, tensor.columns);
    auto& [box, flats] = boxes[{rows.begin, rows.end, columns.begin, columns.end}];
    box = piece.box;
    flats.push_back(piece.flat);
  }
  int64_t elements = 0;
  for (auto one = boxes.begin(); one != boxes.end(); ++one) {
    const auto& [box, flats] = one->second;
    if (const std::string why = why_not_tiled(flats, box.elements()); !why.empty())
      return fmt::format("of its box {}, {}", shown(box), why);
    for (auto other = boxes.begin(); other != one; ++other)
      if (overlap(box, other->second.first)) return fmt::format("its boxes {} and {} overlap", shown(other->second.first), shown(box));
    elements += box.elements();
  }
  if (elements != tensor.rows * tensor.columns)
    return fmt::format("its pieces hold {} of {} elements", elements, tensor.rows * tensor.columns);
  return "";
}

void check_record(const TensorRecord& record, const TensorInfo& tensor) {
  if (record.rows != tensor.rows || record.columns != tensor.columns)
    throw BadManifest(fmt::format("'{}' has shape [{}, {}] where the model's is [{}, {}]", tensor.name, record.rows, record.columns,
                                  tensor.rows, tensor.columns));
  if (const std::string why = why_not_tiled(record); !why.empty())
    throw BadManifest(fmt::format("{} of '{}': {}", kind_name(record.kind), tensor.name, why));
}

}  // namespace

void check_coverage(const Manifest& manifest) {
  std::map<std::pair<std::string_view, Kind>, const TensorRecord*> records;
  for (const TensorRecord& record : manifest.tensors)
    if (!records.emplace(std::pair(std::string_view(record.name), record.kind), &record).second)
      throw BadManifest(fmt::format("it has {} of '{}' twice", kind_name(record.kind), record.name));
  // Unit by unit: a manifest that claims a hundred thousand layers ends at the first one it does not have.
  const ModelShape& model = manifest.snapshot.model;
  for (const UnitId& unit : stage_units(model, {}, 0, {}))
    for (const TensorInfo& tensor : unit_tensors(model, unit))
      for (const Kind kind : kKinds) {
        const auto found = records.find({tensor.name, kind});
        if (found == records.end()) throw BadManifest(fmt::format("{} of '{}' is missing", kind_name(kind), tensor.name));
        check_record(*found->second, tensor);
        records.erase(found);
      }
  if (!records.empty()) throw BadManifest(fmt::format("the model has no '{}'", records.begin()->first.first));
}

}  // namespace llmrun
