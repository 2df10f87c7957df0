// The same cases on every backend. Here: thread, and tcp with ranks as threads that talk over loopback. launched_test.cpp runs them under
// mpirun.
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>

#include "engine/comm/tcp.h"
#include "tests/engine/comm/backend_cases.h"
#include "tests/support/memory_rendezvous.h"
#include "tests/support/ranks.h"
#include "tests/support/tensor_test.h"

using namespace llmrun;

namespace {

/// Live cases share a world, breaking cases have one each.
template <typename MakeWorld>
void run_all_cases(MakeWorld make_world) {
  for (const int ranks : {2, 3, 4}) {
    CAPTURE(ranks);
    const auto on = [](const auto& world, const BackendCase& each) {
      CAPTURE(each.name);
      run_world(world, [&](const std::shared_ptr<Communicator>& rank) { each.run(*rank); });
    };
    const auto world = make_world(ranks);
    for (const auto& each : backend_cases()) on(world, each);
    for (const auto& each : breaking_cases()) on(make_world(ranks), each);
  }
}

std::vector<std::shared_ptr<Communicator>> make_loopback_world(int ranks) {
  MemoryStore store;
  std::vector<std::shared_ptr<Communicator>> world(ranks);
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) {
    threads.emplace_back([&, rank] {
      MemoryRendezvous rendezvous({rank, ranks, rank, ranks}, store);
      world[rank] = make_tcp_world(rendezvous);
    });
  }
  for (auto& thread : threads) thread.join();
  return world;
}

}  // namespace

TEST_CASE("the tcp backend passes every case") { run_all_cases(make_loopback_world); }

TEST_CASE("the thread backend passes every case") { run_all_cases(make_thread_world); }

TEST_CASE("among many ranks barriers and small sums take few messages, and the bits are those of the thread backend") {
  constexpr int kRanks = 19;
  const auto sums = [](const auto& world) {
    std::vector<at::Tensor> sums(kRanks);
    run_world(world, [&](const std::shared_ptr<Communicator>& rank) {
      at::Tensor x = at::arange(5, at::kFloat).add_(0.1 * rank->rank()).reciprocal_();
      for (int round = 0; round < 3; ++round) {
        rank->all_reduce(x).wait();
        rank->barrier();
      }
      sums[static_cast<size_t>(rank->rank())] = x;
    });
    return sums;
  };
  const auto by_messages = sums(make_loopback_world(kRanks)), by_threads = sums(make_thread_world(kRanks));
  for (int rank = 0; rank < kRanks; ++rank) CHECK(at::equal(by_messages[rank], by_threads[rank]));
}

TEST_CASE("a rank that throws frees the others, and its exception comes out") {
  const auto rank_main = [](Communicator& world) {
    if (world.rank() == 1) throw std::runtime_error("rank 1 is out of luck");
    world.barrier();
  };
  CHECK_THROWS_WITH(run_ranks(3, rank_main), "rank 1 is out of luck");
}

TEST_CASE("a world of one opens nothing and answers every call") {
  run_ranks(1, [](Communicator& world) {
    at::Tensor x = at::ones({3});
    world.all_reduce(x).wait();
    CHECK(x.sum().item<float>() == 3);
    CHECK(world.split({0}, "part", Purpose::data)->size() == 1);
  });
}
