#pragma once
#include <array>
#include <cstdint>
#include <string_view>

namespace llmrun {

/// What a call is made for: the axis whose bytes it adds to. Control is everything that carries no tensor of the model: loss and norm
/// scalars, agreement on a stop, barriers.
enum class Purpose { tensor, sequence, context, data, pipeline, control };
inline constexpr int kPurposes = 6;
inline constexpr std::array<std::string_view, kPurposes> kPurposeNames{"tensor", "sequence", "context", "data", "pipeline", "control"};
constexpr std::string_view purpose_name(Purpose purpose) { return kPurposeNames[static_cast<size_t>(purpose)]; }

/// Calls, bytes and exposed seconds of one rank, by purpose. Bytes are counted the way the formulas in step_traffic.h count
/// them: the tensor a rank contributes; for an all-gather the result; for a reduce-scatter the whole input; for a broadcast the tensor,
/// at every rank; a send at the sender, a receive nowhere. A group of one rank counts nothing. Written by the rank's own thread only.
struct Traffic {
  struct Cell {
    int64_t calls = 0;
    int64_t bytes = 0;
    double seconds = 0;  // the rank's thread stood still for this long: in the call itself and in wait()
  };
  std::array<Cell, kPurposes> cells{};
  Cell& operator[](Purpose purpose) { return cells[static_cast<size_t>(purpose)]; }
  const Cell& operator[](Purpose purpose) const { return cells[static_cast<size_t>(purpose)]; }
};

}  // namespace llmrun
