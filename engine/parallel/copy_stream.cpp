#include "engine/parallel/copy_stream.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <c10/core/StreamGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "engine/ops/meta_memory.h"

namespace llmrun {
namespace {

c10::Stream current_stream(at::Device device) { return c10::impl::VirtualGuardImpl(device.type()).getStream(device); }

}  // namespace

CopyStream::CopyStream(at::Device device) : device_(device) {
  if (works_beside_host(device)) stream_ = c10::impl::VirtualGuardImpl(device.type()).getStreamFromGlobalPool(device);
}

CopyStream::Copies CopyStream::run(const std::function<void()>& copies) {
  Copies result;
  if (!stream_) {
    copies();
    return result;
  }
  c10::Event asked(device_.type());
  asked.record(current_stream(device_));
  asked.block(*stream_);
  const c10::StreamGuard guard(*stream_);
  copies();
  result.done_ = std::make_shared<c10::Event>(device_.type());
  result.done_->record(*stream_);
  return result;
}

void CopyStream::Copies::before_work() {
  if (done_) done_->block(current_stream(done_->device()));
  done_.reset();
}

at::Tensor host_memory_like(const at::Tensor& tensor, at::Device device) {
  const MetaMemory::OnHost counted;
  if (device.is_meta()) return at::empty_like(tensor);
  return at::empty_like(tensor, at::TensorOptions().device(at::kCPU).pinned_memory(!device.is_cpu()));
}

at::Tensor host_zeros(int64_t elements, at::Device device) {
  const MetaMemory::OnHost counted;
  return at::zeros({elements}, at::TensorOptions().dtype(at::kFloat).device(device.is_meta() ? at::kMeta : at::kCPU));
}

}  // namespace llmrun
