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

/// What a rank asks of its group. A message is a send, or the receive it is meant for.
enum class Verb : uint8_t { all_reduce, all_gather, reduce_scatter, broadcast, all_to_all, barrier, split, message };
inline constexpr int kVerbs = 8;
inline constexpr std::array<std::string_view, kVerbs> kVerbNames{"all_reduce", "all_gather", "reduce_scatter", "broadcast",
                                                                 "all_to_all", "barrier",    "split",          "message"};
constexpr std::string_view verb_name(Verb verb) { return kVerbNames[static_cast<size_t>(verb)]; }

class CallLog;

/// Calls, bytes and exposed seconds of one rank, by purpose. Bytes are counted the way the formulas in step_traffic.h count
/// them: the tensor a rank contributes; for an all-gather the result; for a reduce-scatter the whole input; for a broadcast the tensor,
/// at every rank; a send at the sender, a receive nowhere. A group of one rank counts nothing. Written by the rank's own thread only.
struct Traffic {
  struct Count {
    int64_t calls = 0;
    int64_t bytes = 0;
    friend bool operator==(const Count&, const Count&) = default;
  };
  struct Cell {
    std::array<Count, kVerbs> verbs{};
    double seconds = 0;  // the rank's thread stood still for this long: in the calls themselves and in wait()

    void add(Verb verb, int64_t bytes) {
      Count& count = verbs[static_cast<size_t>(verb)];
      ++count.calls, count.bytes += bytes;
    }
    int64_t calls() const {
      int64_t sum = 0;
      for (const Count& count : verbs) sum += count.calls;
      return sum;
    }
    int64_t bytes() const {
      int64_t sum = 0;
      for (const Count& count : verbs) sum += count.bytes;
      return sum;
    }
  };
  std::array<Cell, kPurposes> cells{};
  CallLog* log = nullptr;  // where calls are noted one by one (call_log.h), while it is set
  Cell& operator[](Purpose purpose) { return cells[static_cast<size_t>(purpose)]; }
  const Cell& operator[](Purpose purpose) const { return cells[static_cast<size_t>(purpose)]; }
  /// Since `before`, of the same rank.
  Traffic since(const Traffic& before) const {
    Traffic change = *this;
    for (size_t cell = 0; cell < cells.size(); ++cell) {
      change.cells[cell].seconds -= before.cells[cell].seconds;
      for (size_t verb = 0; verb < kVerbs; ++verb) {
        change.cells[cell].verbs[verb].calls -= before.cells[cell].verbs[verb].calls;
        change.cells[cell].verbs[verb].bytes -= before.cells[cell].verbs[verb].bytes;
      }
    }
    return change;
  }
};

}  // namespace llmrun
