#pragma once
#include <c10/core/Device.h>

#include <string_view>
#include <vector>

#include "engine/comm/communicator.h"
#include "engine/core/json.h"

namespace llmrun {

/// The calls that training spends its communication on.
enum class Collective { all_reduce, all_gather, reduce_scatter };
std::string_view spelling(Collective collective);

struct BenchCommOptions {
  std::vector<Collective> collectives{Collective::all_reduce, Collective::all_gather, Collective::reduce_scatter};
  std::vector<int64_t> sizes{1 << 10, 1 << 16, 1 << 20, 1 << 24};  // bytes of the larger side; rounded down to whole elements of every rank
  int warmup = 2;
  int iterations = 10;
  at::Device device = at::kCPU;
};

/// One collective of one size. Bandwidths as nccl-tests defines them (doc/PERFORMANCE.md there): `algorithm` is size over time; `bus` is
/// what a link carries at least, whatever the number of ranks, and so compares to the hardware.
struct CommTiming {
  Collective collective = Collective::all_reduce;
  int64_t bytes = 0;          // of the larger side: what nccl-tests calls size
  double time_s = 0;          // of one call, on the rank that took longest
  int64_t wrong = 0;          // elements that came out wrong, on all ranks together, before and after the timed calls
  int64_t counted_bytes = 0;  // what this rank's communicator counted during the timed calls: calls x bytes
  double algorithm_bytes_per_s() const { return time_s > 0 ? static_cast<double>(bytes) / time_s : 0; }
  double bus_bytes_per_s(int ranks) const { return algorithm_bytes_per_s() * bus_factor(collective, ranks); }
  static double bus_factor(Collective collective, int ranks);
};

/// Times float32 collectives over `world` and checks that they compute what they should. Every rank calls it with the same options and
/// gets the same times. A size too small for one element a rank counts as one element a rank. The world's traffic counter is replaced.
std::vector<CommTiming> bench_comm(Communicator& world, const BenchCommOptions& options);

json to_json(const CommTiming& timing, int ranks);

}  // namespace llmrun
