#include "engine/data/order.h"

#include <cassert>
#include <cmath>
#include <numeric>

#include "engine/core/philox.h"

namespace llmrun {
namespace {

constexpr int kShareBits = 62;

/// How many of the first `places` belong to a dataset with this share: the nearest integer to places x share.
int64_t count_among(int64_t places, uint64_t share) {
  const auto product = static_cast<unsigned __int128>(places) * share + (uint64_t{1} << (kShareBits - 1));
  return static_cast<int64_t>(product >> kShareBits);
}

}  // namespace

SampleOrder::SampleOrder(DataOrder order, int64_t samples, uint64_t seed, uint64_t stream)
    : order_(order), samples_(samples), seed_(seed), stream_(stream) {
  assert(samples >= 1);
}

int64_t SampleOrder::at(int64_t consumed) const {
  const int64_t epoch = consumed / samples_, position = consumed % samples_;
  if (order_ == DataOrder::sequential) return position;
  const Permutation shuffle(samples_, seed_, stream_ + epoch);  // three integers to make: nothing worth keeping
  return static_cast<int64_t>(shuffle(position));
}

Blend::Blend(const std::vector<double>& weights) {
  double left = std::accumulate(weights.begin(), weights.end(), 0.0);
  assert(left > 0);
  for (size_t dataset = 0; dataset + 1 < weights.size(); ++dataset) {
    const double share = left > 0 ? std::min(1.0, weights[dataset] / left) : 0.0;
    shares_.push_back(static_cast<uint64_t>(std::ldexp(share, kShareBits)));
    left = std::accumulate(weights.begin() + dataset + 1, weights.end(), 0.0);
  }
}

Blend::Place Blend::at(int64_t sample) const {
  int64_t place = sample;  // among those that the datasets before have left
  for (size_t dataset = 0; dataset < shares_.size(); ++dataset) {
    const int64_t before = count_among(place, shares_[dataset]);
    if (count_among(place + 1, shares_[dataset]) > before) return {static_cast<int64_t>(dataset), before};
    place -= before;
  }
  return {static_cast<int64_t>(shares_.size()), place};
}

std::vector<Interval> split_samples(int64_t samples, const std::vector<double>& shares) {
  assert(shares.size() <= 3);
  const double total = std::accumulate(shares.begin(), shares.end(), 0.0);
  assert(total > 0);
  std::vector<Interval> parts(3, Interval{samples, samples});
  int64_t begin = 0;
  double sum = 0;
  for (size_t i = 0; i < shares.size(); ++i) {
    sum += shares[i];
    const int64_t end = std::llround(static_cast<double>(samples) * (sum / total));
    parts[i] = {begin, end};
    begin = end;
  }
  return parts;
}

}  // namespace llmrun
