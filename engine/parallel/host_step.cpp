#include "engine/parallel/host_step.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include <algorithm>
#include <array>
#include <optional>

#include "engine/core/memory.h"
#include "engine/parallel/copy_stream.h"

namespace llmrun {
namespace {

/// Host memory for one piece, and how far the device is with it.
class Buffer {
 public:
  Buffer(int64_t elements, const at::Tensor& gradients, const at::Tensor& parameters) : device_(gradients.device()) {
    gradient_ = host_memory_like(gradients.narrow(0, 0, elements), device_);
    if (parameters.defined()) parameters_ = host_memory_like(parameters.narrow(0, 0, elements), device_);
    if (works_beside_host(device_)) done_.emplace(device_.type());
  }

  at::Tensor gradient(int64_t elements) const { return gradient_.narrow(0, 0, elements); }
  at::Tensor parameters(int64_t elements) const { return parameters_.narrow(0, 0, elements); }
  void travel(const at::Tensor& to, const at::Tensor& from) {
    to.copy_(from, /*non_blocking=*/true);
    if (done_) done_->record(c10::impl::VirtualGuardImpl(device_.type()).getStream(device_));
  }
  void wait() {
    if (done_) done_->synchronize();
  }

 private:
  at::Device device_;
  at::Tensor gradient_, parameters_;
  std::optional<c10::Event> done_;
};

std::vector<StepPiece> cut(const std::vector<StepPiece>& pieces) {
  std::vector<StepPiece> shorter;
  for (const auto& [at, decay] : pieces)
    for (int64_t begin = at.begin; begin < at.end; begin += kTravelling)
      shorter.push_back({{begin, std::min(at.end, begin + kTravelling)}, decay});
  return shorter;
}

}  // namespace

void step_on_host(const std::vector<StepPiece>& pieces, const HostState& state, const at::Tensor& gradients, const at::Tensor& parameters,
                  const AdamWStep& how) {
  const std::vector<StepPiece> queue = cut(pieces);
  const int64_t longest = std::min(kTravelling, gradients.numel());
  std::array<Buffer, 2> buffers{Buffer(longest, gradients, parameters), Buffer(longest, gradients, parameters)};
  const auto fetch = [&](size_t i) {
    if (i >= queue.size()) return;
    const auto [begin, end] = queue[i].at;
    buffers[i % 2].wait();  // what it held before has gone back
    buffers[i % 2].travel(buffers[i % 2].gradient(end - begin), gradients.narrow(0, begin, end - begin));
  };
  fetch(0);
  for (size_t i = 0; i < queue.size(); ++i) {
    const int64_t begin = queue[i].at.begin, size = queue[i].at.size();
    const auto piece = [&](const at::Tensor& tensor) { return tensor.defined() ? tensor.narrow(0, begin, size) : tensor; };
    Buffer& buffer = buffers[i % 2];
    fetch(i + 1);
    buffer.wait();
    adamw(piece(state.master), piece(state.exp_avg), piece(state.exp_avg_sq), buffer.gradient(size), queue[i].decay, how,
          parameters.defined() ? buffer.parameters(size) : piece(state.parameters));
    if (parameters.defined()) buffer.travel(piece(parameters), buffer.parameters(size));
  }
  for (Buffer& buffer : buffers) buffer.wait();
}

}  // namespace llmrun
