#pragma once
#include <ATen/Parallel.h>

#include <algorithm>
#include <vector>

#include "tests/support/tensor_test.h"

namespace llmrun {

// Autograd is the oracle: a reference is written in plain ATen on leaves, on a CPU, and what our kernels return is held against it.

/// A way through the kernels that the cases take: our loops or ATen's operators (engine/ops/cpu.h, aten.h), and where tensors lie.
struct Path {
  at::Device device;
  bool loops;

  /// The function of this path: pick(cpu::embed, aten::embed).
  template <typename Function>
  Function* pick(Function* loop, Function* operators) const {
    return loops ? loop : operators;
  }
  at::Tensor put(const at::Tensor& t) const { return t.defined() ? t.to(device) : t; }
};

/// The program's: both on a CPU in test_ops, ATen's on the GPU in test_gpu.
std::vector<Path> paths();

/// Where functions run that choose their way by where their tensors lie.
inline std::vector<at::Device> devices() {
  std::vector<at::Device> found;
  for (const Path& path : paths())
    if (std::find(found.begin(), found.end(), path.device) == found.end()) found.push_back(path.device);
  return found;
}

/// Seeded normals. A fresh generator each time: a test does not depend on the ones before it.
inline at::Tensor normal(at::IntArrayRef sizes, uint64_t seed, at::ScalarType dtype = at::kFloat) {
  return at::randn(sizes, at::detail::createCPUGenerator(seed)).to(dtype);
}

/// An fp32 copy that autograd watches.
inline at::Tensor leaf(const at::Tensor& t) { return t.to(at::kFloat, false, /*copy=*/true).requires_grad_(true); }

/// The largest difference, in parts of the largest number expected.
inline double distance(const at::Tensor& got, const at::Tensor& expected) {
  REQUIRE(got.sizes() == expected.sizes());
  const at::Tensor a = got.detach().cpu().to(at::kDouble), b = expected.detach().cpu().to(at::kDouble);
  return (a - b).abs().max().item<double>() / (b.abs().max().item<double>() + 1e-30);
}

/// The same numbers, wherever they lie.
inline bool same_bits(const at::Tensor& got, const at::Tensor& expected) { return got.cpu().equal(expected.cpu()); }

/// What rounding explains: fp32 sums of different order; inputs of 8 bits (bf16) or 11 (fp16) to sums and one rounding of the result.
inline double tolerance(at::ScalarType dtype) { return dtype == at::kFloat ? 1e-5 : dtype == at::kHalf ? 3e-3 : 2e-2; }

/// What `f` gives on 1, 2 and 3 threads.
template <typename F>
auto on_threads(const F& f) {
  const int before = at::get_num_threads();
  std::vector<decltype(f())> results;
  for (const int n : {1, 2, 3}) {
    at::set_num_threads(n);
    results.push_back(f());
  }
  at::set_num_threads(before);
  return results;
}

inline constexpr at::ScalarType kDtypes[] = {at::kFloat, at::kBFloat16, at::kHalf};

}  // namespace llmrun
