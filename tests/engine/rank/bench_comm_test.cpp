#include "engine/rank/bench_comm.h"

#include <map>

#include "tests/support/ranks.h"
#include "tests/support/tensor_test.h"

using namespace llmrun;

namespace {

/// A group whose all-reduce adds one to the last element, and whose all-gather loses a rank's last one.
class Faulty final : public Communicator {
 public:
  explicit Faulty(Communicator& sound) : Communicator(sound.rank(), sound.size(), "faulty", Purpose::control), sound_(sound) {}
  void abort() noexcept override { sound_.abort(); }

 private:
  Work do_all_reduce(at::Tensor inout, Reduce how) override {
    sound_.all_reduce(inout, how).wait();
    if (inout.scalar_type() == at::kFloat) inout.view({-1})[-1].add_(1);
    return {};
  }
  Work do_all_gather(at::Tensor out, const at::Tensor& shard) override {
    sound_.all_gather(out, shard).wait();
    out.view({-1})[-1].zero_();
    return {};
  }
  Work do_reduce_scatter(at::Tensor shard, const at::Tensor& whole, Reduce how) override {
    return sound_.reduce_scatter(shard, whole, how);
  }
  Work do_broadcast(at::Tensor inout, int root) override { return sound_.broadcast(inout, root); }
  Work do_all_to_all(at::Tensor out, const at::Tensor& in) override { return sound_.all_to_all(out, in); }
  Work do_send(const at::Tensor& tensor, int to) override { return sound_.send(tensor, to); }
  Work do_receive(at::Tensor tensor, int from) override { return sound_.receive(tensor, from); }
  std::unique_ptr<Communicator> do_split(const std::vector<int>& members, std::string name, Purpose purpose) override {
    return sound_.split(members, std::move(name), purpose);
  }
  Communicator& sound_;
};

const BenchCommOptions kSmall{.sizes = {0, 4096, 100'000}, .warmup = 1, .iterations = 3};

}  // namespace

TEST_CASE("collectives of 4 ranks are timed, right, and counted as calls x size, the same on every rank") {
  run_ranks(4, [](Communicator& world) {
    const std::vector<CommTiming> timings = bench_comm(world, kSmall);
    CHECK(timings.size() == 9);
    for (const CommTiming& timing : timings) {
      CAPTURE(spelling(timing.collective));
      CHECK(timing.wrong == 0);
      CHECK(timing.time_s > 0);
      CHECK(timing.bytes % (4 * 4) == 0);  // whole floats for each of 4 ranks
      CHECK(timing.counted_bytes == 3 * timing.bytes);
      CHECK(timing.bus_bytes_per_s(4) > 0);
    }
    CHECK(timings[0].bytes == 16);
    CHECK(timings[1].bytes == 4096);
    CHECK(timings[2].bytes == 100'000);
  });
}

TEST_CASE("bus bandwidth is algorithm bandwidth times nccl-tests' factor") {
  // doc/PERFORMANCE.md of nccl-tests: all-reduce 2(n-1)/n, all-gather and reduce-scatter (n-1)/n.
  CHECK(CommTiming::bus_factor(Collective::all_reduce, 2) == 1);
  CHECK(CommTiming::bus_factor(Collective::all_reduce, 8) == 1.75);
  CHECK(CommTiming::bus_factor(Collective::all_gather, 8) == 0.875);
  CHECK(CommTiming::bus_factor(Collective::reduce_scatter, 4) == 0.75);
  const CommTiming timing{Collective::all_reduce, /*bytes=*/1'000'000, /*time_s=*/0.001};
  CHECK(timing.algorithm_bytes_per_s() == doctest::Approx(1e9));
  CHECK(timing.bus_bytes_per_s(8) == doctest::Approx(1.75e9));
}

TEST_CASE("wrong values are found on every rank and counted") {
  run_ranks(2, [](Communicator& sound) {
    Faulty world(sound);
    BenchCommOptions options = kSmall;
    options.sizes = {1024};
    std::map<Collective, int64_t> wrong;
    for (const CommTiming& timing : bench_comm(world, options)) wrong[timing.collective] = timing.wrong;
    CHECK(wrong[Collective::all_reduce] == 4);  // one element on each rank, before and after
    CHECK(wrong[Collective::all_gather] == 4);
    CHECK(wrong[Collective::reduce_scatter] == 0);
  });
}

TEST_CASE("a world of one rank is timed and counts nothing") {
  const auto world = make_solo("world", Purpose::control);
  for (const CommTiming& timing : bench_comm(*world, kSmall)) {
    CHECK(timing.wrong == 0);
    CHECK(timing.counted_bytes == 0);
    CHECK(timing.bus_bytes_per_s(1) == 0);
  }
}
