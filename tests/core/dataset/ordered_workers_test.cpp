#include "engine/core/dataset/ordered_workers.h"

#include <atomic>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/test.h"

namespace llmrun {

TEST_CASE("results are used in order, whatever the number of workers, and never too many wait") {
  for (const int workers : {1, 2, 7}) {
    CAPTURE(workers);
    std::atomic<int64_t> made{0}, used{0}, most{0};
    std::vector<int64_t> order;
    ordered_workers<int64_t>(
        workers, 5, 200,
        [&](int64_t i) {
          const int64_t ahead = ++made - used;
          for (int64_t seen = most; ahead > seen && !most.compare_exchange_weak(seen, ahead);) {
          }
          return i * i;
        },
        [&](int64_t i, int64_t square) {
          order.push_back(i);
          CHECK(square == i * i);
          ++used;
        });
    std::vector<int64_t> expected(195);
    std::iota(expected.begin(), expected.end(), 5);
    CHECK(order == expected);
    CHECK(most <= 2 * workers + 1);
  }
}

TEST_CASE("nothing to do is done at once") {
  ordered_workers<int>(3, 4, 4, [](int64_t) { return 0; }, [](int64_t, int) { FAIL("there is nothing to use"); });
}

TEST_CASE("the first failure in order is the one that is thrown, after everything before it was used") {
  for (int repeat = 0; repeat < 20; ++repeat) {
    int64_t used = 0;
    const auto run = [&] {
      ordered_workers<int>(
          4, 0, 100,
          [](int64_t i) {
            if (i >= 30) throw std::runtime_error("chunk " + std::to_string(i));
            return 0;
          },
          [&](int64_t, int) { ++used; });
    };
    CHECK_THROWS_WITH(run(), "chunk 30");
    CHECK(used == 30);
  }
}

TEST_CASE("a failure of the user stops the workers too") {
  const auto run = [] {
    ordered_workers<int>(
        3, 0, 100, [](int64_t) { return 0; },
        [](int64_t i, int) {
          if (i == 3) throw std::runtime_error("disk full");
        });
  };
  CHECK_THROWS_WITH(run(), "disk full");
}

}  // namespace llmrun
