#include "engine/core/philox.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "tests/support/test.h"

namespace llmrun {

TEST_CASE("philox4x32-10 gives the known answers of Random123's kat_vectors") {
  CHECK(philox4x32({0, 0, 0, 0}, {0, 0}) == PhiloxWords{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}) ==
        PhiloxWords{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  CHECK(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        PhiloxWords{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("seed, stream and index each change the words, in their high halves too") {
  const PhiloxWords here = philox(1, 2, 3);
  for (const uint64_t bit : {uint64_t{1}, uint64_t{1} << 40}) {
    CHECK(philox(1 ^ bit, 2, 3) != here);
    CHECK(philox(1, 2 ^ bit, 3) != here);
    CHECK(philox(1, 2, 3 ^ bit) != here);
  }
  CHECK(stream_named("data order") != stream_named("data order "));
}

TEST_CASE("uniform covers [0, 1) and never reaches 1") {
  CHECK(philox_uniform(0) == 0.0F);
  CHECK(philox_uniform(0xffffffff) == 1.0F - 0x1p-24F);
}

TEST_CASE("normal has the moments of a standard normal and stays finite at the edges") {
  const int blocks = 100000;
  double sum = 0, square = 0, fourth = 0;
  for (int i = 0; i < blocks; ++i) {
    for (const double x : philox_normal(philox(7, stream_named("test"), i))) {
      sum += x;
      square += x * x;
      fourth += x * x * x * x;
    }
  }
  const double n = 4.0 * blocks;  // the bounds are five standard errors
  CHECK(std::abs(sum / n) < 5 / std::sqrt(n));
  CHECK(std::abs(square / n - 1) < 5 * std::sqrt(2 / n));
  CHECK(std::abs(fourth / n - 3) < 5 * std::sqrt(96 / n));
  for (const float x : philox_normal({0xffffffff, 0, 0, 0xffffffff})) CHECK(std::abs(x) < 6.0F);
}

TEST_CASE("a permutation visits every position exactly once, whatever the size") {
  std::vector<uint64_t> sizes{1023, 1024, 1025, 4095, 4096, 4097, 65537};
  for (uint64_t size = 1; size < 70; ++size) sizes.push_back(size);
  for (const uint64_t size : sizes) {
    CAPTURE(size);
    for (const uint64_t seed : {0, 1, 99}) {
      const Permutation permutation(size, seed, 5);
      std::vector<int> visits(size);
      for (uint64_t i = 0; i < size; ++i) {
        const uint64_t target = permutation(i);
        if (target < size) ++visits[target];
      }
      CHECK(std::count(visits.begin(), visits.end(), 1) == static_cast<int64_t>(size));
    }
  }
}

TEST_CASE("a permutation of an enormous range stays inside it and does not repeat itself") {
  for (const uint64_t size : {(uint64_t{1} << 62) + 1, ~uint64_t{0}}) {
    const Permutation permutation(size, 3, 4);
    std::vector<uint64_t> targets(1000);
    for (uint64_t i = 0; i < targets.size(); ++i) targets[i] = permutation(size - 1 - i);
    CHECK(*std::max_element(targets.begin(), targets.end()) < size);
    std::sort(targets.begin(), targets.end());
    CHECK(std::adjacent_find(targets.begin(), targets.end()) == targets.end());
  }
}

TEST_CASE("another seed or stream is another permutation, and none is near the identity") {
  const uint64_t size = 10000;
  const Permutation first(size, 1, 1), other_seed(size, 2, 1), other_stream(size, 1, 2);
  int same_seed = 0, same_stream = 0, fixed = 0, neighbours = 0;
  for (uint64_t i = 0; i < size; ++i) {
    same_seed += first(i) == other_seed(i);
    same_stream += first(i) == other_stream(i);
    fixed += first(i) == i;
    neighbours += i > 0 && first(i) == first(i - 1) + 1;
  }
  // Each count is Poisson with mean 1 for random permutations.
  for (const int count : {same_seed, same_stream, fixed, neighbours}) CHECK(count < 10);
}

}  // namespace llmrun
