#pragma once
#include <c10/core/Device.h>

#include <string>
#include <vector>

#include "engine/comm/communicator.h"

namespace llmrun {

// What lies between hosts. Every function is collective: all ranks of `world` call it with the same arguments.

/// The text of every rank, in rank order, on every rank.
std::vector<std::string> gather_texts(Communicator& world, const std::string& text, at::Device device);

/// The wall clock of `rank` against rank 0's, from the shortest of a few round trips: it is off by `offset_s`, give or take `error_s`.
struct ClockOffset {
  double offset_s = 0;
  double error_s = 0;
};
/// On rank 0 that of each of `ranks`, which are other ranks; empty elsewhere.
std::vector<ClockOffset> clock_offsets(Communicator& world, const std::vector<int>& ranks, at::Device device);

/// Bytes a second between ranks[i] and ranks[i + 1], the last being followed by the first: there and back, one pair at a time. Two ranks
/// have one link, fewer have none. The same on every rank.
std::vector<double> link_speeds(Communicator& world, const std::vector<int>& ranks, int64_t bytes, at::Device device);

}  // namespace llmrun
