#pragma once
#include <cstdint>
#include <vector>

#include "engine/core/layout.h"
#include "engine/core/spec/config.h"

namespace llmrun {

// Which sample comes when: pure functions of (seed, samples consumed). No index arrays and nothing to save: a run resumes, at any layout,
// from the number of samples it has consumed.

/// The order of `samples` samples, epoch after epoch: each epoch visits every sample once; shuffled, each in an order of its own.
class SampleOrder {
 public:
  /// `stream` tells apart the orders of one run (one a dataset). REQUIRES samples >= 1.
  SampleOrder(DataOrder order, int64_t samples, uint64_t seed, uint64_t stream);
  /// The sample, in [0, samples), at this point of the order. REQUIRES consumed >= 0.
  int64_t at(int64_t consumed) const;

 private:
  DataOrder order_;
  int64_t samples_;
  uint64_t seed_;
  uint64_t stream_;
};

/// Mixes datasets by weight. Each stands in a stretch of n samples n x share times, give or take less than two, wherever the stretch begins
/// at 0; no randomness, since the orders inside the datasets are shuffled already.
/// The first dataset takes its evenly spaced places, the second its places among those that are left, and so on: each is a Bresenham line
/// in 128-bit integers, so place k costs O(datasets) and no state.
class Blend {
 public:
  /// REQUIRES at least one weight, each finite and >= 0, with a sum > 0.
  explicit Blend(const std::vector<double>& weights);

  struct Place {
    int64_t dataset;
    int64_t consumed;  // how many samples of that dataset stand before
  };
  /// REQUIRES sample >= 0.
  Place at(int64_t sample) const;

 private:
  std::vector<uint64_t> shares_;  // of what the datasets before left, in units of 2^-62; the last takes the rest
};

/// Cuts [0, samples) into neighbours in proportion to `shares` (train, valid, test; any unit: "969, 30, 1" and "0.969, 0.03, 0.001" are the
/// same). Fewer than three shares: the others are empty. REQUIRES shares >= 0 with a sum > 0, at most three.
std::vector<Interval> split_samples(int64_t samples, const std::vector<double>& shares);

}  // namespace llmrun
