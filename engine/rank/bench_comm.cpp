#include "engine/rank/bench_comm.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <chrono>
#include "engine/comm/gpu.h"

namespace llmrun {
namespace {

// Small whole numbers, whose sum over a hundred thousand ranks is exact in float32 in whatever order they are added.
constexpr int64_t kPattern = 97, kRanks = 61;

/// Element i is i % 97 + more, counted from `begin`. Rank r brings the pattern with r % 61 more.
at::Tensor pattern(int64_t begin, int64_t count, int64_t more, at::Device device) {
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  return at::arange(begin, begin + count, options).remainder_(kPattern).add_(more).to(at::kFloat);
}

/// The sum of what all ranks bring.
at::Tensor pattern_sum(int64_t begin, int64_t count, int ranks, at::Device device) {
  int64_t more = 0;
  for (int rank = 0; rank < ranks; ++rank) more += rank % kRanks;
  return pattern(begin, count, 0, device).mul_(ranks).add_(more);
}

/// The two sides of one collective: `in` where the call reads, `out` where the result stands (the same tensor for an all-reduce).
class Case {
 public:
  Case(Communicator& world, Collective collective, int64_t bytes, at::Device device)
      : world_(world), collective_(collective), device_(device), part_(std::max<int64_t>(1, bytes / 4 / world.size())) {
    const auto make = [&](int64_t count) { return at::zeros({count}, at::TensorOptions().dtype(at::kFloat).device(device)); };
    in_ = make(collective == Collective::all_gather ? part_ : whole());
    out_ = collective == Collective::all_reduce ? in_ : collective == Collective::reduce_scatter ? make(part_) : make(whole());
  }

  int64_t whole() const { return part_ * world_.size(); }
  int64_t bytes() const { return 4 * whole(); }

  void call() {
    switch (collective_) {
      case Collective::all_reduce:
        return world_.all_reduce(in_).wait();
      case Collective::all_gather:
        return world_.all_gather(out_, in_).wait();
      case Collective::reduce_scatter:
        return world_.reduce_scatter(out_, in_).wait();
    }
  }

  /// One call on numbers whose result is known; the elements of this rank that are wrong. Leaves zeros, which stay what they are.
  int64_t wrong() {
    const int64_t begin = collective_ == Collective::all_gather ? world_.rank() * part_ : 0;
    in_.copy_(pattern(begin, in_.numel(), world_.rank() % kRanks, device_));
    call();
    const int64_t wrong = out_.ne(expected()).sum().item<int64_t>();
    in_.zero_();
    return wrong;
  }

  void synchronise() const { llmrun::synchronise(device_); }

 private:
  at::Tensor expected() const {
    if (collective_ == Collective::all_reduce) return pattern_sum(0, whole(), world_.size(), device_);
    if (collective_ == Collective::reduce_scatter) return pattern_sum(world_.rank() * part_, part_, world_.size(), device_);
    const at::Tensor shards = pattern(0, whole(), 0, device_).view({world_.size(), part_});
    return shards.add(at::arange(world_.size(), shards.options()).remainder_(kRanks).view({-1, 1})).view({-1});
  }

  Communicator& world_;
  Collective collective_;
  at::Device device_;
  int64_t part_;  // elements of one rank
  at::Tensor in_, out_;
};

/// The largest of what the ranks have.
double largest(Communicator& world, double value, at::Device device) {
  at::Tensor tensor = at::tensor({value}, at::TensorOptions().dtype(at::kDouble)).to(device);
  world.all_reduce(tensor, Reduce::max).wait();
  return tensor.item<double>();
}

/// The sum of what the ranks have; never less than our own, whatever a broken all-reduce makes of it.
int64_t total(Communicator& world, int64_t value, at::Device device) {
  at::Tensor tensor = at::tensor({value}, at::TensorOptions().dtype(at::kLong)).to(device);
  world.all_reduce(tensor).wait();
  return std::max(value, tensor.item<int64_t>());
}

CommTiming time_case(Communicator& world, Collective collective, int64_t bytes, const BenchCommOptions& options) {
  using Clock = std::chrono::steady_clock;
  Case one(world, collective, bytes, options.device);
  CommTiming timing{collective, one.bytes()};
  int64_t wrong = one.wrong();
  for (int i = 0; i < options.warmup; ++i) one.call();
  one.synchronise();
  world.barrier();

  const auto traffic = std::make_shared<Traffic>();
  world.count_into(traffic);
  const auto begin = Clock::now();
  for (int i = 0; i < options.iterations; ++i) one.call();
  one.synchronise();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  timing.counted_bytes = (*traffic)[world.purpose()].bytes();
  world.count_into(nullptr);

  wrong += one.wrong();
  timing.time_s = largest(world, seconds / options.iterations, options.device);
  timing.wrong = total(world, wrong, options.device);
  return timing;
}

}  // namespace

std::string_view spelling(Collective collective) {
  switch (collective) {
    case Collective::all_reduce:
      return "all_reduce";
    case Collective::all_gather:
      return "all_gather";
    case Collective::reduce_scatter:
      break;
  }
  return "reduce_scatter";
}

double CommTiming::bus_factor(Collective collective, int ranks) {
  const double others = static_cast<double>(ranks - 1) / ranks;
  return collective == Collective::all_reduce ? 2 * others : others;
}

std::vector<CommTiming> bench_comm(Communicator& world, const BenchCommOptions& options) {
  std::vector<CommTiming> timings;
  for (const Collective collective : options.collectives)
    for (const int64_t bytes : options.sizes) timings.push_back(time_case(world, collective, bytes, options));
  return timings;
}

json to_json(const CommTiming& timing, int ranks) {
  return {{"collective", spelling(timing.collective)},
          {"bytes", timing.bytes},
          {"time_s", timing.time_s},
          {"algbw_bytes_per_s", timing.algorithm_bytes_per_s()},
          {"busbw_bytes_per_s", timing.bus_bytes_per_s(ranks)},
          {"counted_bytes", timing.counted_bytes},
          {"wrong", timing.wrong}};
}

}  // namespace llmrun
