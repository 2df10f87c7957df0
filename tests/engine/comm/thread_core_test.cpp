// The shared state of the thread backend, without LibTorch: the preset `tsan` builds this under ThreadSanitizer.
#include "engine/comm/thread_core.h"

#include <atomic>
#include <numeric>
#include <thread>

#include "engine/comm/reduce.h"
#include "engine/core/error.h"
#include "tests/support/test.h"

using namespace llmrun;

namespace {

constexpr int kRanks = 4;

template <typename RankMain>
void on_threads(int ranks, RankMain rank_main) {
  std::vector<std::thread> threads;
  for (int rank = 0; rank < ranks; ++rank) threads.emplace_back([&, rank] { rank_main(rank); });
  for (auto& thread : threads) thread.join();
}

template <typename T>
std::byte* bytes(std::vector<T>& values) {
  return reinterpret_cast<std::byte*>(values.data());
}

std::shared_ptr<ThreadGroup::Meeting> start_sum(ThreadGroup& group, int rank, std::vector<int64_t>& values) {
  const Call call{.verb = Verb::all_reduce, .element = Element::int64, .count = static_cast<int64_t>(values.size())};
  return group.arrive(rank, call, {bytes(values), bytes(values)}, [call](const std::vector<ThreadGroup::Part>& parts) {
    std::vector<const std::byte*> inputs;
    std::vector<std::byte*> outputs;
    for (const auto& part : parts) {
      inputs.push_back(part.in);
      outputs.push_back(part.out);
    }
    reduce_in_rank_order(call.element, call.how, inputs, outputs, call.count);
  });
}

}  // namespace

TEST_CASE("sums in a row, two under way at a time, come out on every rank") {
  ThreadGroup group(kRanks, "world");
  on_threads(kRanks, [&](int rank) {
    for (int64_t round = 0; round < 200; ++round) {
      std::vector<int64_t> first(50, rank + round);
      std::vector<int64_t> second(3, rank);
      const auto one = start_sum(group, rank, first);
      const auto two = start_sum(group, rank, second);
      group.finish(rank, *two);
      group.finish(rank, *one);
      CHECK(first[49] == 6 + 4 * round);
      CHECK(second[0] == 6);
    }
  });
}

TEST_CASE("messages keep their order while every rank sends to every other") {
  ThreadGroup group(kRanks, "world");
  on_threads(kRanks, [&](int rank) {
    for (int64_t round = 0; round < 100; ++round) {
      for (int to = 0; to < kRanks; ++to) {
        std::vector<int64_t> message{rank * 1000 + round};
        if (to != rank) group.send(rank, to, {bytes(message), sizeof(int64_t)});
      }
    }
    for (int64_t round = 0; round < 100; ++round) {
      for (int from = 0; from < kRanks; ++from) {
        if (from == rank) continue;
        std::vector<int64_t> message{-1};
        group.receive(from, rank, group.expect(from, rank), {bytes(message), sizeof(int64_t)});
        CHECK(message[0] == from * 1000 + round);
      }
    }
  });
}

TEST_CASE("groups split from a group work side by side") {
  auto world = std::make_shared<ThreadGroup>(kRanks, "world");
  on_threads(kRanks, [&](int rank) {
    for (int round = 0; round < 20; ++round) {
      const auto seat = world->split(rank, rank % 2, -rank, "half");
      CHECK(seat.size == 2);
      CHECK(seat.rank == (rank < 2 ? 1 : 0));
      std::vector<int64_t> values{rank};
      seat.group->finish(seat.rank, *start_sum(*seat.group, seat.rank, values));
      CHECK(values[0] == (rank % 2 == 0 ? 2 : 4));
    }
  });
}

TEST_CASE("abort from any thread frees every rank, wherever it waits") {
  for (int round = 0; round < 50; ++round) {
    auto world = std::make_shared<ThreadGroup>(kRanks, "world");
    std::atomic<int> freed = 0;
    on_threads(kRanks, [&](int rank) {
      try {
        const auto seat = world->split(rank, 0, rank, "axis");
        if (rank == 3) return world->abort("rank 3 gave up");
        std::vector<int64_t> values(100, rank);
        if (rank == 0) seat.group->receive(3, 0, seat.group->expect(3, 0), {bytes(values), 8});
        seat.group->finish(rank, *start_sum(*seat.group, rank, values));
      } catch (const Error& error) {
        CHECK(std::string(error.what()).find("rank 3 gave up") != std::string::npos);
        ++freed;
      }
    });
    CHECK(freed == 3);
  }
}

TEST_CASE("ranks that disagree are told what the other called") {
  ThreadGroup group(2, "tensor");
  on_threads(2, [&](int rank) {
    std::vector<int64_t> values(rank == 0 ? 5 : 6);
    try {
      group.finish(rank, *start_sum(group, rank, values));
      CHECK_MESSAGE(false, "the sum of unequal sizes came back");
    } catch (const Error& error) {
      const std::string said = error.what();
      CAPTURE(said);
      CHECK(said.find("all_reduce of 5 int64") != std::string::npos);
      CHECK(said.find("all_reduce of 6 int64") != std::string::npos);
      CHECK(said.find("'tensor'") != std::string::npos);
    }
  });
}

TEST_CASE("bf16 rounds to nearest even, keeps NaN, and sums in fp32") {
  const auto sum = [](std::vector<uint16_t> values) {
    std::vector<const std::byte*> inputs;
    for (auto& value : values) inputs.push_back(reinterpret_cast<const std::byte*>(&value));
    uint16_t result = 0;
    std::byte* output = reinterpret_cast<std::byte*>(&result);
    reduce_in_rank_order(Element::bfloat16, Reduce::sum, inputs, std::span(&output, 1), 1);
    return result;
  };
  CHECK(sum({0x3f80, 0x3f80}) == 0x4000);                  // 1 + 1
  CHECK(sum({0x4380, 0x3f80}) == 0x4380);                  // 256 + 1 = 257: half way, to the even 256
  CHECK(sum({0x4380, 0x3f80, 0x3f80, 0x3f80}) == 0x4382);  // 259 is half way between 258 and 260: to the even 260
  CHECK(sum({0x7fc0, 0x3f80}) == 0x7fc0);                  // NaN
}
