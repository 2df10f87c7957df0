#pragma once
#include <ATen/core/Tensor.h>

#include <cstddef>

namespace llmrun {

// The backends that move bytes in host memory (thread, tcp, mpi) work on a CPU tensor's own bytes, and on a host copy of one that lies
// on a GPU: two ranks may share one GPU, which NCCL refuses.

inline at::Tensor on_host(const at::Tensor& tensor) { return tensor.is_cpu() ? tensor : tensor.cpu(); }
inline void hand_back(at::Tensor& tensor, const at::Tensor& host) {
  if (!tensor.is_cpu()) tensor.copy_(host);
}

inline const std::byte* bytes_of(const at::Tensor& tensor) { return static_cast<const std::byte*>(tensor.const_data_ptr()); }
inline std::byte* mutable_bytes_of(const at::Tensor& tensor) { return static_cast<std::byte*>(tensor.mutable_data_ptr()); }

}  // namespace llmrun
