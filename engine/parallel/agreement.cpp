#include "engine/parallel/agreement.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cstring>

namespace llmrun {
namespace {

at::Tensor number(int64_t value, at::Device device) { return at::full({1}, value, at::TensorOptions().dtype(at::kLong)).to(device); }

int64_t rank_0_number(const Mesh& mesh, int64_t mine, at::Device device) {
  at::Tensor value = number(mine, device);
  mesh.world().broadcast(value, 0).wait();
  return value.item<int64_t>();
}

}  // namespace

bool all_agree(const Mesh& mesh, bool ok, at::Device device) {
  at::Tensor failures = number(ok ? 0 : 1, device);
  mesh.world().all_reduce(failures).wait();
  return failures.item<int64_t>() == 0;
}

bool rank_0_says(const Mesh& mesh, bool mine, at::Device device) { return rank_0_number(mesh, mine ? 1 : 0, device) == 1; }

std::string rank_0_text(const Mesh& mesh, const std::string& mine, at::Device device) {
  const int64_t size = rank_0_number(mesh, static_cast<int64_t>(mine.size()), device);
  if (size == 0) return {};
  at::Tensor bytes = at::empty({size}, at::TensorOptions().dtype(at::kByte));
  if (mesh.rank() == 0) std::memcpy(bytes.mutable_data_ptr<uint8_t>(), mine.data(), mine.size());
  bytes = bytes.to(device);
  mesh.world().broadcast(bytes, 0).wait();
  bytes = bytes.to(at::kCPU);
  return {reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()), static_cast<size_t>(size)};
}

}  // namespace llmrun
