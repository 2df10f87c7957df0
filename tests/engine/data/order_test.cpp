#include "engine/data/order.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>
#include <vector>

#include "tests/support/test.h"

namespace llmrun {
namespace {

std::vector<int64_t> epoch(const SampleOrder& order, int64_t samples, int64_t number) {
  std::vector<int64_t> visited(samples);
  for (int64_t i = 0; i < samples; ++i) visited[i] = order.at(number * samples + i);
  return visited;
}

std::vector<int64_t> upto(int64_t samples) {
  std::vector<int64_t> all(samples);
  std::iota(all.begin(), all.end(), 0);
  return all;
}

std::vector<int64_t> sorted(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  return values;
}

}  // namespace

TEST_CASE("sequential order repeats the samples epoch after epoch") {
  const SampleOrder order(DataOrder::sequential, 5, /*seed=*/1, /*stream=*/2);
  CHECK(epoch(order, 5, 0) == upto(5));
  CHECK(epoch(order, 5, 1000000) == upto(5));
}

TEST_CASE("each shuffled epoch visits every sample once, in an order of its own") {
  for (const int64_t samples : {1, 2, 3, 100, 1000}) {
    CAPTURE(samples);
    const SampleOrder order(DataOrder::shuffled, samples, 1, 2);
    for (const int64_t number : {0, 1, 2, 77}) CHECK(sorted(epoch(order, samples, number)) == upto(samples));
  }
  const SampleOrder order(DataOrder::shuffled, 1000, 1, 2);
  CHECK(epoch(order, 1000, 0) != epoch(order, 1000, 1));
  CHECK(epoch(order, 1000, 0) != upto(1000));
  CHECK(epoch(order, 1000, 0) != epoch(SampleOrder(DataOrder::shuffled, 1000, 2, 2), 1000, 0));
  CHECK(epoch(order, 1000, 0) != epoch(SampleOrder(DataOrder::shuffled, 1000, 1, 3), 1000, 0));
}

TEST_CASE("a blend gives each dataset its weight to within two samples at every point, and its samples in order") {
  const std::vector<std::vector<double>> tables{{1},    {1, 1},          {1, 3},         {0.7, 0.2, 0.1}, {1, 2, 3, 4, 5, 6, 7},
                                                {0, 1}, {1, 0, 2, 0, 0}, {1e-3, 1, 1e3}, {969, 30, 1}};
  for (const auto& weights : tables) {
    CAPTURE(weights.size());
    const Blend blend(weights);
    const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
    std::vector<int64_t> consumed(weights.size());
    double worst = 0;
    bool in_order = true;
    for (int64_t sample = 0; sample < 20000; ++sample) {
      const Blend::Place place = blend.at(sample);
      in_order &= place.consumed == consumed[place.dataset];
      ++consumed[place.dataset];
      for (size_t i = 0; i < weights.size(); ++i) {
        worst = std::max(worst, std::abs(static_cast<double>(consumed[i]) - (sample + 1) * weights[i] / total));
      }
    }
    CHECK(in_order);
    CHECK(worst < 2.0);
    for (size_t i = 0; i < weights.size(); ++i) CHECK((weights[i] > 0 || consumed[i] == 0));
  }
}

TEST_CASE("a blend is as exact after 10^15 samples as at the start") {
  const Blend blend({1, 3});
  const int64_t far = 1000000000000000;
  int64_t first = 0;
  for (int64_t sample = far; sample < far + 4000; ++sample) first += blend.at(sample).dataset == 0;
  CHECK(first == 1000);
  const Blend::Place place = blend.at(far);
  CHECK(std::abs(place.consumed - (place.dataset == 0 ? far / 4 : far / 4 * 3)) <= 1);
}

TEST_CASE("split cuts the samples into neighbours that cover them, in proportion") {
  using Parts = std::vector<Interval>;
  CHECK(split_samples(1000, {969, 30, 1}) == Parts{{0, 969}, {969, 999}, {999, 1000}});
  CHECK(split_samples(1000, {0.9, 0.1}) == Parts{{0, 900}, {900, 1000}, {1000, 1000}});
  CHECK(split_samples(7, {1}) == Parts{{0, 7}, {7, 7}, {7, 7}});
  CHECK(split_samples(3, {0, 1, 0}) == Parts{{0, 0}, {0, 3}, {3, 3}});
  for (int64_t samples = 0; samples < 50; ++samples) {
    const Parts parts = split_samples(samples, {0.7, 0.2, 0.1});
    CHECK(parts[0].begin == 0);
    CHECK(parts[0].end == parts[1].begin);
    CHECK(parts[1].end == parts[2].begin);
    CHECK(parts[2].end == samples);
  }
}

}  // namespace llmrun
