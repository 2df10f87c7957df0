#include "engine/parallel/agreement.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>

#include <cstring>

namespace llmrun {
namespace {

at::Tensor number(int64_t value, at::Device device) { return at::full({1}, value, at::TensorOptions().dtype(at::kLong)).to(device); }

int64_t number_of(const Mesh& mesh, int root, int64_t mine, at::Device device) {
  at::Tensor value = number(mine, device);
  mesh.world().broadcast(value, root).wait();
  return value.item<int64_t>();
}

std::string text_of(const Mesh& mesh, int root, const std::string& mine, at::Device device) {
  const int64_t size = number_of(mesh, root, static_cast<int64_t>(mine.size()), device);
  if (size == 0) return {};
  at::Tensor bytes = at::empty({size}, at::TensorOptions().dtype(at::kByte));
  if (mesh.rank() == root) std::memcpy(bytes.mutable_data_ptr<uint8_t>(), mine.data(), mine.size());
  bytes = bytes.to(device);
  mesh.world().broadcast(bytes, root).wait();
  bytes = bytes.to(at::kCPU);
  return {reinterpret_cast<const char*>(bytes.const_data_ptr<uint8_t>()), static_cast<size_t>(size)};
}

}  // namespace

bool all_agree(const Mesh& mesh, bool ok, at::Device device) {
  at::Tensor failures = number(ok ? 0 : 1, device);
  mesh.world().all_reduce(failures).wait();
  return failures.item<int64_t>() == 0;
}

bool rank_0_says(const Mesh& mesh, bool mine, at::Device device) { return number_of(mesh, 0, mine ? 1 : 0, device) == 1; }

std::string rank_0_text(const Mesh& mesh, const std::string& mine, at::Device device) { return text_of(mesh, 0, mine, device); }

std::string first_text(const Mesh& mesh, const std::string& mine, at::Device device) {
  const int64_t ranks = mesh.layout().ranks();
  at::Tensor standing = number(mine.empty() ? 0 : ranks - mesh.rank(), device);  // the most is the first rank's that speaks
  mesh.world().all_reduce(standing, Reduce::max).wait();
  const int64_t most = standing.item<int64_t>();
  return most == 0 ? "" : text_of(mesh, static_cast<int>(ranks - most), mine, device);
}

}  // namespace llmrun
