#include "engine/rank/links.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include "engine/comm/gpu.h"

namespace llmrun {
namespace {

constexpr int kRounds = 6;  // the first one warms the way up

at::TensorOptions on(at::Device device, at::ScalarType type) { return at::TensorOptions().dtype(type).device(device); }

double wall_clock_s() { return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count(); }
double steady_s() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

/// One question and its answer, as rank 0 sees them.
ClockOffset round_trip(Communicator& world, int rank, at::Device device) {
  at::Tensor answer = at::zeros({1}, on(device, at::kDouble));
  const double sent = wall_clock_s(), begin = steady_s();
  world.send(at::zeros({1}, answer.options()), rank).wait();
  world.receive(answer, rank).wait();
  const double theirs = answer.item<double>();
  const double half = 0.5 * (steady_s() - begin);
  return {theirs - (sent + half), half};
}

void answer(Communicator& world, at::Device device) {
  at::Tensor question = at::zeros({1}, on(device, at::kDouble));
  world.receive(question, 0).wait();
  synchronise(device);
  world.send(at::tensor({wall_clock_s()}, at::TensorOptions().dtype(at::kDouble)).to(device), 0).wait();
}

/// Seconds for `bytes` there and back.
double there_and_back(Communicator& world, int other, bool first, at::Tensor& buffer, at::Device device) {
  const double begin = steady_s();
  if (first) world.send(buffer, other).wait();
  world.receive(buffer, other).wait();
  if (!first) world.send(buffer, other).wait();
  synchronise(device);
  return steady_s() - begin;
}

}  // namespace

std::vector<std::string> gather_texts(Communicator& world, const std::string& text, at::Device device) {
  const auto length = static_cast<int64_t>(text.size());
  at::Tensor longest = at::tensor({length}, at::TensorOptions().dtype(at::kLong)).to(device);
  world.all_reduce(longest, Reduce::max).wait();
  const int64_t width = longest.item<int64_t>() + 1;  // a NUL ends each
  at::Tensor mine = at::zeros({width}, on(at::kCPU, at::kByte));
  std::memcpy(mine.mutable_data_ptr(), text.data(), text.size());
  at::Tensor all = at::empty({width * world.size()}, on(device, at::kByte));
  world.all_gather(all, mine.to(device)).wait();
  all = all.cpu();
  std::vector<std::string> texts;
  const auto* bytes = static_cast<const char*>(all.const_data_ptr());
  for (int rank = 0; rank < world.size(); ++rank) texts.emplace_back(bytes + rank * width);
  return texts;
}

std::vector<ClockOffset> clock_offsets(Communicator& world, const std::vector<int>& ranks, at::Device device) {
  std::vector<ClockOffset> offsets;
  for (const int rank : ranks) {
    ClockOffset best{0, 1e9};
    for (int round = 0; round < kRounds; ++round) {
      if (world.rank() == rank) answer(world, device);
      if (world.rank() != 0) continue;
      const ClockOffset one = round_trip(world, rank, device);
      if (one.error_s < best.error_s) best = one;
    }
    if (world.rank() == 0) offsets.push_back(best);
  }
  world.barrier();
  return offsets;
}

std::vector<double> link_speeds(Communicator& world, const std::vector<int>& ranks, int64_t bytes, at::Device device) {
  const size_t pairs = ranks.size() > 2 ? ranks.size() : ranks.size() / 2;
  at::Tensor speeds = at::zeros({static_cast<int64_t>(std::max<size_t>(1, pairs))}, on(at::kCPU, at::kDouble));
  at::Tensor buffer = at::zeros({bytes}, on(device, at::kByte));
  for (size_t i = 0; i < pairs; ++i) {
    const int first = ranks[i], second = ranks[(i + 1) % ranks.size()];
    if (world.rank() != first && world.rank() != second) continue;
    double least = 1e9;
    for (int round = 0; round < kRounds; ++round)
      least = std::min(least, there_and_back(world, world.rank() == first ? second : first, world.rank() == first, buffer, device));
    if (world.rank() == first) speeds[static_cast<int64_t>(i)] = 2.0 * static_cast<double>(bytes) / least;
  }
  speeds = speeds.to(device);
  world.all_reduce(speeds).wait();
  speeds = speeds.cpu();
  const auto* values = static_cast<const double*>(speeds.const_data_ptr());
  return {values, values + pairs};
}

}  // namespace llmrun
