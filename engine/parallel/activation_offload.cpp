#include "engine/parallel/activation_offload.h"

#include <ATen/ops/empty_like.h>

#include <algorithm>

namespace llmrun {

using What = StageEvent::What;

template <typename Place>
ActivationOffload::Travel ActivationOffload::begin(const Item& item, CopyStream& stream, Place place) {
  Travel travel{&item.saved, item.unit, item.micro_batch, {}, {}};
  for (at::Tensor& tensor : item.saved.tensors()) {
    if (!tensor.defined()) continue;
    auto known = std::find_if(travel.tensors.begin(), travel.tensors.end(), [&](const auto& pair) { return pair.first.is_same(tensor); });
    if (known == travel.tensors.end()) known = travel.tensors.insert(known, {tensor, place(tensor)});
    tensor = known->second;
  }
  travel.copies = stream.run([&] {
    for (auto& [from, to] : travel.tensors) to.copy_(from, /*non_blocking=*/true);
  });
  return travel;
}

void ActivationOffload::leave(const Item& item) {
  leaving_ = begin(item, leaving_copies_, [&](const at::Tensor& tensor) { return host_memory_like(tensor, device_); });
  away_.insert(&item.saved);
  note(What::offload_posted, leaving_);
}

void ActivationOffload::settle() {
  if (leaving_.of == nullptr) return;
  leaving_.copies.before_work();
  note(What::offload_awaited, leaving_);
  leaving_ = {};
}

void ActivationOffload::want(const Item& item) {
  if (away_.erase(&item.saved) == 0) return;
  if (leaving_.of == &item.saved) {
    for (at::Tensor& tensor : item.saved.tensors())
      for (const auto& [device, host] : leaving_.tensors)
        if (tensor.is_same(host)) tensor = device;
    leaving_.copies.before_work();
    leaving_ = {};
    return;
  }
  coming_ = begin(item, coming_copies_, [&](const at::Tensor& tensor) {
    return at::empty_like(tensor, at::TensorOptions().device(device_).pinned_memory(false));
  });
  note(What::fetch_posted, coming_);
}

void ActivationOffload::have(const Item& item) {
  want(item);
  if (coming_.of != &item.saved) return;
  coming_.copies.before_work();
  note(What::fetch_awaited, coming_);
  coming_ = {};
}

}  // namespace llmrun
