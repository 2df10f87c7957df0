#pragma once
#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>
#include <c10/core/Stream.h>

#include <functional>
#include <memory>
#include <optional>

namespace llmrun {

/// Whether the device works beside the host, with streams and events, as a GPU does; the CPU and LibTorch's meta device do not.
inline bool works_beside_host(at::Device device) { return !device.is_cpu() && !device.is_meta(); }

/// Copies between a device and host memory, beside the device's work. On a CPU, whose memory is the host's, they are made at once, in the
/// same places: nothing waits, and as much is held.
class CopyStream {
 public:
  explicit CopyStream(at::Device device);

  /// Copies that were asked for. Nothing: none.
  class Copies {
   public:
    /// What the device is asked for from here on finds them done; the host does not wait.
    void before_work();

   private:
    friend class CopyStream;
    std::shared_ptr<c10::Event> done_;
  };

  /// Makes `copies` after all that the device was asked for so far. What they read and write stays alive until `before_work`, or until
  /// later copies of this stream have been waited for.
  Copies run(const std::function<void()>& copies);

 private:
  at::Device device_;
  std::optional<c10::Stream> stream_;
};

/// Uninitialised host memory for a tensor like this one, element for element in the same order; where `device` is not the CPU it is pinned,
/// so that copies need no help of the host.
at::Tensor host_memory_like(const at::Tensor& tensor, at::Device device);
/// fp32 zeros in host memory, which the device does not reach. Of the meta device both are counted (meta_memory.h), and have no memory.
at::Tensor host_zeros(int64_t elements, at::Device device);

}  // namespace llmrun
